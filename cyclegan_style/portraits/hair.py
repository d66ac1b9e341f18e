"""Hair: guides for every haircut, and the strands between them, behind the head and over the face."""

import numpy as np

from common.anime.faces.shapes import curve
from cyclegan_style.portraits.fields import Frame
from cyclegan_style.portraits.person import Portrait
from cyclegan_style.portraits.strands import Layer, between, light

LONG = ("long", "medium", "fringe")
# The hairline of short or tied hair, and the skull that it follows, from one ear over the top to the other.
LINE = np.array([(-42, 13), (-41.5, -8), (-37.5, -26), (-26, -40), (0, -44.5), (26, -40), (37.5, -26), (41.5, -8),
                 (42, 13)], float)
SKULL = np.array([(-44.5, 10), (-47.5, -12), (-47, -37), (-34, -63), (0, -76), (34, -63), (47, -37), (47.5, -12),
                  (44.5, 10)], float)


def behind(person: Portrait, frame: Frame, rng: np.random.Generator) -> Layer:
    """The hair behind neck and ears."""
    layer, v = Layer(), person.volume
    if person.style not in LONG:
        layer.mass(frame, curve(_skull(person) * (0.97, 0.97)), 0.22)
        if person.tied:
            _tied(layer, person, frame, rng)
        return layer
    low = person.length - 3
    inner = np.array([(2, -60), (8, -30), (14, 20), (16, low * 0.7), (18, low)], float)
    outer = np.array([(24, -66), (44 + v, -44), (54 + v, 5), (55 + v, low * 0.65), (53 + v, low)], float)
    for side in (-1, 1):
        guides = np.stack([inner, (inner + outer) / 2 + (4, 0), outer]) * (side, 1)
        layer.mass(frame, np.concatenate([guides[0, :-1], guides[2, -2::-1]]), 0.16)
        strands, shade = between(guides, 420, rng, person.wave, 3.0)
        layer.draw(frame, strands, light(strands, shade, person, 0.4) * 0.62)
    return layer


def _tied(layer: Layer, person: Portrait, frame: Frame, rng) -> None:
    """A bun above the crown, or a tail that falls over one shoulder."""
    side, v = np.sign(person.part or 1), person.volume
    if person.tied == "bun":
        around = np.linspace(-2.6, 2.6, 9)
        guides = np.stack([np.stack([k * np.sin(around) * 14, -79 - v - k * np.cos(around) * 11], 1)
                           for k in (1.0, 0.7, 0.35)]) + (0.3 * person.part, 0)
        layer.mass(frame, guides[0], 0.3)
        strands, shade = between(guides, 500, rng, 0, 1.2)
    else:
        low = person.length
        guides = np.array([[(16, 0), (38, 18), (44, 45), (46, 70), (40, low)], [(12, 5), (28, 20), (35, 45), (37, 70),
                          (34, low)], [(8, 10), (18, 25), (24, 45), (27, 70), (29, low)]], float) * (side, 1)
        layer.mass(frame, np.concatenate([guides[0, :-1], guides[2, -2::-1]]), 0.2)
        strands, shade = between(guides, 600, rng, 2.5 * person.wave, 2.5)
    layer.draw(frame, strands, light(strands, shade, person, 0.7) * 0.9)


def front(person: Portrait, frame: Frame, rng: np.random.Generator) -> Layer:
    """The hair over forehead and temples."""
    layer = Layer()
    if person.style in LONG:
        for side in (-1, 1):
            _curtain(layer, person, frame, rng, side)
        if person.style == "fringe":
            _fringe(layer, person, frame, rng)
    else:
        _cap(layer, person, frame, rng)
    return layer


def _curtain(layer: Layer, person: Portrait, frame: Frame, rng, side: int) -> None:
    """Long hair from the parting down one side of the face."""
    v, c, low = person.volume, person.cover, person.length
    part = 0.0 if person.style == "fringe" else person.part * side
    tucked = 5 if person.style == "medium" else 0  # the tips of medium hair turn inwards

    def down(x, share):
        return x, 12 + (low - 12) * share

    inner = [(part, -45.5), (part + 9, -44 + 0.1 * part), (30 - c, -31), (39 - c, -8), down(42.5 - c, 0.2),
             down(43.5, 0.6), down(46 - tucked, 1.0)]
    middle = [(part * 0.95, -60), (part + 16, -60), (42 - c / 2, -36), (46, -9), down(49, 0.2), down(52, 0.6),
              down(53 - tucked, 1.03)]
    outer = [(part * 0.8, -75 - v), (part * 0.5 + 21, -74.5 - v), (46 + v * 0.6, -49 - v * 0.5), (52.5 + v, -12),
             down(55 + v, 0.2), down(58 + v, 0.6), down(57.5 + v - tucked, 0.97)]
    guides = np.array([outer, middle, inner], float) * (side, 1)
    layer.mass(frame, np.concatenate([guides[0, :-1], guides[2, -2::-1]]), 0.3)
    strands, shade = between(guides, 1050, rng, person.wave, 2.4)
    layer.draw(frame, strands, light(strands, shade, person))
    strays, shade = between(guides[:2], 40, rng, person.wave + 0.8, 6.0, clumps=40, tight=0)
    layer.draw(frame, strays, light(strays, shade, person), 0.4)


def _fringe(layer: Layer, person: Portrait, frame: Frame, rng) -> None:
    """Strands from the crown to the brows."""
    tilt = person.part * 0.25
    low = -15 - person.cover
    tips = [(-40, low + 9), (-26, low + 1 + tilt / 2), (0, low), (26, low + 1 - tilt / 2), (40, low + 9)]
    guides = np.array([[(x * 0.35, -76 - person.volume), (x * 0.75, -66), (x * 0.98, -44), (x + tilt * 0.4, y)]
                       for x, y in tips], float)
    strands, shade = between(guides, 900, rng, 0, 1.6, clumps=34)
    layer.draw(frame, strands, light(strands, shade, person))


def _skull(person: Portrait) -> np.ndarray:
    """The outline of short or tied hair [9, 2]."""
    thick = np.array([0, 0.3, 0.55, 0.9, 1, 0.9, 0.55, 0.3, 0]) * person.volume
    away = SKULL - (0, -20)
    return SKULL + away / np.sqrt((away**2).sum(1, keepdims=True)) * thick[:, None]


def _cap(layer: Layer, person: Portrait, frame: Frame, rng) -> None:
    """Short hair, curls, or hair tied back: from the hairline outwards, combed to one side."""
    outer, inner = _skull(person), LINE.copy()
    comb = {"short": 0.55, "crop": 0.2, "curly": 0.1, "back": 0.0, "receding": 0.3}[person.style]
    if person.style == "receding":
        inner[2:7] = [(-41, -38), (-33, -58), (0, -66), (33, -58), (41, -38)]
    sweep = comb * np.sign(person.part or 1)
    stations = np.linspace(0, 8, 25)
    tips = (stations + sweep * np.sin(np.pi * stations / 8) * 1.6).clip(0, 8)
    fine = np.linspace(0, 8, 97)  # curve() puts 12 points on each of the 8 segments
    roots, ends = (np.stack([np.interp(at, fine, curve(line, steps=12)[:, k]) for k in (0, 1)], 1)
                   for at, line in ((stations, inner), (tips, outer)))
    bend = (roots + ends) / 2 + (ends - roots)[:, ::-1] * (0.10, -0.10) * np.sign(sweep or 1)
    guides = np.stack([roots, bend, ends], 1)
    layer.mass(frame, np.concatenate([guides[:, 1] * 0.4 + guides[:, 0] * 0.6, guides[::-1, 2]]), 0.3)
    curly = person.style == "curly"
    count = 2600 if person.style != "back" else 2000
    strands, shade = between(guides, count, rng, 0, 1.8 if curly else 0.8, clumps=60, tight=0.2)
    if person.style != "back":  # short strands begin anywhere
        first = rng.uniform(-0.06, 0.66, (count, 1, 1)) * (strands[:, -1:] - strands[:, :1])
        strands = strands * 0.36 + strands[:, :1] * 0.64 + first
    if curly:
        turn = np.linspace(0, 11, strands.shape[1]) + rng.uniform(0, 6.3, (count, 1))
        strands += np.stack([np.cos(turn), np.sin(turn)], -1) * rng.uniform(0.8, 2.4, (count, 1, 1))
    order = np.argsort(-np.abs(strands[:, -1] - (0, 5)).sum(1))
    layer.draw(frame, strands[order], light(strands[order], shade[order], person))
