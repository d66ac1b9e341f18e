"""What a portrait shows, as a pure function of (seed, number)."""

import colorsys
from dataclasses import dataclass

import numpy as np

from common.anime.faces.face import choose
from cyclegan_style.portraits import choices
from cyclegan_style.portraits.choices import Colour


@dataclass(frozen=True)
class Portrait:
    """One person in one image. Colours are 8-bit RGB, lengths head units (see fields), shares 0 to 1."""

    seed: int
    number: int
    hair: str
    hair_rgb: Colour
    style: str
    length: float  # y of the tips of long hair
    part: float  # x of the parting
    cover: float  # how far the hair covers the face
    volume: float
    tied: str  # "", "bun", "tail": tied hair
    wave: float
    eyes: str
    eye_rgb: Colour
    skin: str
    skin_rgb: Colour
    made_up: bool
    lip_rgb: Colour
    beard: str
    age: float  # share: folds and wrinkles
    smile: float  # share
    teeth: bool
    jaw: float  # -1 (narrow) to 1 (broad)
    long_face: float  # -1 to 1
    eye_open: float  # about 1
    eye_tilt: float
    brow: float  # thickness, about 1
    nose: float  # width, about 1
    lips: float  # fullness, about 1
    glasses: str  # "", "thin", "thick"
    clothes: str
    cloth_rgb: Colour
    scene: str
    light: tuple[float, float, float]  # direction to the light, of length 1; x right, y down, z to the viewer
    fill: float  # share of ambient light
    turn: float  # -1 to 1: looks to the left or right of the image
    nod: float  # -1 to 1: up or down
    lean: float  # of the shoulders, radians
    gaze: tuple[float, float]  # of the irises
    x: float  # the middle between the eyes, in pixels of the image
    y: float
    scale: float


def describe(seed: int, number: int) -> Portrait:
    """The portrait of this number (0, 1, ...) in the set of this seed."""
    rng = np.random.default_rng([seed, number, 7])
    made_up = bool(rng.random() < 0.58)
    hair = choose(rng, choices.HAIR)
    skin = choose(rng, choices.SKIN_SHARES if hair in ("black", "dark brown", "gray") else
                  {name: choices.SKIN_SHARES[name] for name in ("pale", "fair", "light", "olive")})
    eyes = choose(rng, choices.EYE_SHARES if skin in ("pale", "fair", "light") else
                  {"brown": 2, "dark brown": 3, "hazel": 0.6})
    style = choose(rng, choices.STYLES[made_up])
    return Portrait(seed=seed, number=number, hair=hair, hair_rgb=_within(rng, choices.HAIR_RANGES[hair]), style=style,
                    eyes=eyes, eye_rgb=_near(rng, choices.EYES[eyes], 8), skin=skin,
                    skin_rgb=_near(rng, choices.SKINS[skin], 5), made_up=made_up, **_hair(rng, style),
                    **_features(rng, made_up, hair, skin), **_picture(rng))


def _within(rng, spans) -> Colour:
    hue, saturation, value = (rng.uniform(*span) for span in spans)
    return _rgb(hue, saturation, value)


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue / 360 % 1, saturation / 100, value / 100))


def _near(rng, colour: Colour, spread: float) -> Colour:
    together = rng.uniform(-spread, spread)
    return tuple(round(float(part + together + rng.uniform(-spread, spread) / 3)) for part in colour)


def _hair(rng, style: str) -> dict:
    tight = style in ("short", "crop", "back", "receding")
    return {
        "length": float(rng.uniform(50, 66) if style == "medium" else rng.uniform(78, 125)),
        "part": float(rng.choice((-1, 1)) * rng.choice((0, 1), p=(0.25, 0.75)) * rng.uniform(5, 17)),
        "cover": float(rng.uniform(-1.5, 5)),
        "tied": choose(rng, {"bun": 30, "tail": 50, "": 20}) if style == "back" else "",
        "volume": float(rng.uniform(0, 4) if style in ("crop", "back") else rng.uniform(1, 9)),
        "wave": float(rng.uniform(0, 0.5) if tight or rng.random() < 0.4 else rng.uniform(1.5, 5)),
    }


def _features(rng, made_up: bool, hair: str, skin: str) -> dict:
    base = np.array(choices.SKINS[skin], float)
    lips = base * (0.86, 0.62, 0.62) + (4, 2, 8)
    if made_up:
        rouge = np.array([(176, 44, 58), (196, 92, 96), (158, 66, 76), (205, 110, 104)][rng.integers(4)], float)
        lips += rng.uniform(0.15, 0.75) * (rouge * (0.45 + 0.55 * base.mean() / 200) - lips)
    smile = float(rng.beta(1.4, 1.2))
    age = rng.beta(1.6, 4) if hair != "gray" else rng.uniform(0.45, 1)
    return {
        "lip_rgb": tuple(np.round(lips).astype(int).tolist()),
        "beard": "" if made_up else choose(rng, choices.BEARDS), "age": float(age * (0.6 if made_up else 1)),
        "smile": smile, "teeth": bool(smile > 0.45 and rng.random() < 0.75),
        "jaw": float(rng.uniform(-1, 0.3) if made_up else rng.uniform(-0.2, 1)),
        "long_face": float(rng.uniform(-1, 1)), "eye_open": float(rng.uniform(0.82, 1.15) + 0.06 * made_up),
        "eye_tilt": float(rng.normal(0.06, 0.05)),
        "brow": float(rng.uniform(0.6, 1.0) if made_up else rng.uniform(0.95, 1.45)),
        "nose": float(rng.uniform(0.82, 1.05) if made_up else rng.uniform(0.95, 1.2)),
        "lips": float(rng.uniform(0.85, 1.25) if made_up else rng.uniform(0.7, 1.05)),
        "glasses": choose(rng, {"": 91, "thin": 5, "thick": 4}),
    }


def _picture(rng) -> dict:
    """Clothes, scene, light and pose."""
    cloth = choose(rng, {"dark": 40, "light": 22, "colour": 38})
    low, high = {"dark": (8, 24), "light": (72, 94), "colour": (28, 75)}[cloth]
    direction = np.array([rng.choice((-1, 1)) * rng.uniform(0.1, 0.75), -rng.uniform(0.2, 0.65), 0.85])
    direction /= np.sqrt((direction**2).sum())
    return {
        "clothes": choose(rng, choices.CLOTHES),
        "cloth_rgb": _rgb(rng.uniform(0, 360), rng.uniform(35, 80) if cloth == "colour" else rng.uniform(2, 22),
                          rng.uniform(low, high)),
        "scene": choose(rng, choices.SCENES), "light": tuple(direction.tolist()), "fill": float(rng.uniform(0.28, 0.5)),
        "turn": float(np.clip(rng.normal(0, 0.5), -1, 1)), "nod": float(np.clip(rng.normal(0, 0.5), -1, 1)),
        "lean": float(np.clip(rng.normal(0, 0.07), -0.16, 0.16)),
        "gaze": (float(rng.uniform(-0.9, 0.9)), float(rng.uniform(-0.3, 0.4))),
        "x": float(88.5 + rng.uniform(-1.5, 1.5)), "y": float(112 + rng.uniform(-1.5, 1.5)),
        "scale": float(rng.uniform(0.94, 1.05)),
    }
