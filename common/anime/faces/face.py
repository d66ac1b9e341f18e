"""What a face looks like, as a pure function of (seed, number)."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from common.anime.faces import labels
from common.anime.faces.colours import CLOTHES, EYE_RANGES, HAIR_RANGES, Colour, pick, rgb
from common.anime.tags import EYES, HAIR

# How common a colour is, in the order of HAIR and EYES: less uneven than in the data of the course, so no pair is rare.
HAIR_SHARES = (0.8, 1.0, 1.1, 0.9, 0.9, 1.0, 1.0, 1.2, 1.2, 1.3, 1.5, 1.6)
EYE_SHARES = (0.8, 0.8, 0.8, 0.9, 1.0, 1.1, 1.1, 1.2, 1.2, 1.4, 1.6)

# choices and how common each is
BACKS = {"long": 34, "bob": 17, "short": 17, "twintails": 13, "ponytail": 10, "buns": 9}
BANGS = {"hime": 18, "swept": 24, "parted": 16, "spiky": 13, "messy": 19, "wispy": 10}
SIDES = {"long": 50, "short": 38, "none": 12}
MOUTHS = {"smile": 30, "open": 18, "neutral": 22, "frown": 9, "cat": 9, "small": 12}
BROWS = {"calm": 50, "worried": 18, "firm": 18, "raised": 14}
SHAPES = {"round": 46, "sharp": 26, "gentle": 28}
LIDS = {"open": 92.5, "half": 5, "wink": 1.6, "closed": 0.9}
CLOTHING = {"sailor": 24, "shirt": 22, "hoodie": 14, "kimono": 12, "dress": 16, "turtleneck": 12}
SCENES = {"plain": 22, "gradient": 24, "sky": 16, "dots": 12, "stripes": 8, "room": 18}
EXTRAS = {"": 52, "ribbon": 15, "pin": 14, "hairband": 9, "flower": 10}
PINK, BADLY_CUT = 0.12, 0.12  # shares of the Mikus
SKIN_SHARES = {"pale": 30, "fair": 40, "peach": 19, "tan": 6, "brown": 2}


@dataclass(frozen=True)
class Face:
    """One face. Colours are 8-bit RGB; `second_*` is set if hair or eyes have two colours."""

    seed: int
    number: int
    hair: str
    eyes: str
    hair_rgb: Colour
    eye_rgb: Colour
    second_hair: str | None
    second_eyes: str | None
    second_hair_rgb: Colour
    second_eye_rgb: Colour
    miku: bool
    back: str
    bangs: str
    sides: str
    ahoge: bool
    flip: int  # 1, or -1: the fringe is combed to the other side
    mouth: str
    brows: str
    shape: str  # of the eyes
    lids: str
    blush: float  # 0 to 1; above 0.45 it earns the tag
    glasses: bool
    extra: str
    skin: str
    clothing: str
    cloth_rgb: Colour
    accent_rgb: Colour
    scene: str
    x: float  # the middle between the eyes, in pixels of the 96x96 image
    y: float
    scale: float
    lean: float  # radians
    turn: float  # -1 to 1
    nod: float  # -1 to 1
    gaze: tuple[float, float]  # of the irises, face units
    eye_size: float  # about 1
    jaw: float  # -1 (round) to 1 (narrow)
    wave: float  # of the long strands, face units; 0 is straight
    soft: float  # 0 (line art) to 1 (painted)
    tint: tuple[float, float, float]  # factors of the light
    tags: tuple[str, ...]  # as written in the CSV row, with stray spaces


def describe(seed: int, number: int) -> Face:
    """The face of this number (0, 1, ...) in the set of this seed."""
    rng = np.random.default_rng([seed, number])
    hair, eyes = pair(seed, number)
    kind = labels.kind_of_row(rng)
    second_hair = _other(rng, HAIR, hair) if kind in ("two hairs", "four") else None
    second_eyes = _other(rng, EYES, eyes) if kind in ("two eyes", "four") else None
    look = _look(rng)
    if hair == "aqua" and rng.random() < (0.85 if eyes in ("aqua", "green", "blue") else 0.22):
        look |= _miku(second_hair)
        if look["miku"]:  # from random numbers of their own, so that all other faces stay as they are
            hair = _odd_miku(np.random.default_rng([seed, number, 2]), look)
    look |= {
        "seed": seed, "number": number, "hair": hair, "eyes": eyes,
        "second_hair": second_hair, "second_eyes": second_eyes,
        "hair_rgb": pick(rng, HAIR_RANGES[hair]), "eye_rgb": pick(rng, EYE_RANGES[eyes]),
        "second_hair_rgb": pick(rng, HAIR_RANGES[second_hair or hair]),
        "second_eye_rgb": pick(rng, EYE_RANGES[second_eyes or eyes]),
    }
    return Face(tags=labels.row(rng, kind, look), **look)


def pair(seed: int, number: int) -> tuple[str, str]:
    """Hair and eye colour of a face. Steps of the golden ratio over all pairs make sure that rare ones occur."""
    place = (_start(seed) + number * 0.6180339887498949) % 1.0
    k = int(np.searchsorted(_shares(), place, side="right"))
    return HAIR[k // len(EYES)], EYES[k % len(EYES)]


@cache
def _shares() -> np.ndarray:
    """Where the intervals of the pairs end in [0, 1)."""
    shares = np.outer(HAIR_SHARES, EYE_SHARES).ravel()
    return np.cumsum(shares / shares.sum())[:-1]


@cache
def _start(seed: int) -> float:
    return float(np.random.default_rng(seed).random())


@cache
def _table(names: tuple, shares: tuple) -> np.ndarray:
    return np.cumsum(np.array(shares) / sum(shares))[:-1]


def choose(rng: np.random.Generator, choices: dict[str, float]) -> str:
    """One of the keys; the values say how common each is."""
    names = tuple(choices)
    return names[int(np.searchsorted(_table(names, tuple(choices.values())), rng.random(), side="right"))]


def _other(rng: np.random.Generator, names: tuple[str, ...], name: str) -> str:
    return names[(names.index(name) + int(rng.integers(1, len(names)))) % len(names)]


def _look(rng: np.random.Generator) -> dict:
    """Everything except hair and eye colours and tags."""
    cloth = np.array(CLOTHES[rng.integers(len(CLOTHES))]) + rng.uniform(-1, 1, 3) * (6, 5, 3)
    near = rng.uniform(-1, 1, 2)
    warm = rng.uniform(-0.03, 0.03)
    light = rng.uniform(0.96, 1.03)
    return {
        "miku": False, "back": choose(rng, BACKS), "bangs": choose(rng, BANGS), "sides": choose(rng, SIDES),
        "ahoge": bool(rng.random() < 0.16), "flip": int(rng.choice((-1, 1))),
        "mouth": choose(rng, MOUTHS), "brows": choose(rng, BROWS), "shape": choose(rng, SHAPES),
        "lids": choose(rng, LIDS), "blush": float(rng.beta(1.3, 1.7)), "glasses": bool(rng.random() < 0.07),
        "extra": choose(rng, EXTRAS), "skin": choose(rng, SKIN_SHARES), "clothing": choose(rng, CLOTHING),
        "cloth_rgb": rgb(*cloth.clip(0, (359, 100, 100)).tolist()),
        "accent_rgb": rgb(rng.uniform(0, 360), rng.uniform(45, 80), rng.uniform(60, 92)),
        "scene": choose(rng, SCENES),
        "x": float(48 + 3.0 * near[0]), "y": float(49.5 + 3.0 * near[1]),
        "scale": float(rng.uniform(1.02, 1.22)),
        "lean": float(np.clip(rng.normal(0, 0.14), -0.36, 0.36)), "turn": float(np.clip(rng.normal(0, 0.6), -1.1, 1.1)),
        "nod": float(rng.uniform(-1, 1)), "gaze": tuple((rng.uniform(-1, 1, 2) * (1.2, 0.5)).tolist()),
        "eye_size": float(rng.uniform(0.94, 1.12)), "jaw": float(rng.uniform(-1, 1)),
        "wave": float(rng.uniform(0.8, 2.2)) if rng.random() < 0.35 else 0.0,
        "soft": float(rng.choice((0, 0.15, 0.3, 0.5))), "tint": (light * (1 + warm), light, light * (1 - warm)),
    }


def _odd_miku(rng: np.random.Generator, look: dict) -> str:
    """Makes some Mikus as report 002 found them in its data: the hair pink, or the face badly cut. Gives the hair."""
    place = rng.random()
    if PINK <= place < PINK + BADLY_CUT:
        look |= {"x": float(48 + rng.choice((-1, 1)) * rng.uniform(16, 24)), "y": float(49.5 + rng.uniform(-12, 14)),
                 "scale": float(rng.uniform(1.4, 1.8))}
    return "pink" if place < PINK else "aqua"


def _miku(second_hair: str | None) -> dict:
    """The only outfit of the set that never varies."""
    return {
        "miku": second_hair is None, "back": "twintails", "bangs": "messy", "sides": "long", "wave": 0.0,
        "extra": "headset", "clothing": "miku", "cloth_rgb": (186, 192, 198), "accent_rgb": (32, 168, 170),
        "glasses": False, "skin": "pale",
    }
