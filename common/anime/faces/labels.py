"""The tags of a face: what its image shows, and now and then a row as messy as those of the course."""

from collections.abc import Iterable

import numpy as np

# About one row in ten is messy. The first six kinds are ambiguous: hair or eyes have no colour, or two.
KINDS = {
    "two hairs": 0.013, "two eyes": 0.013, "four": 0.004, "no hair": 0.013, "no eyes": 0.013, "neither": 0.013,
    "look-alike": 0.010, "space": 0.012, "colon": 0.009,
}
LOOK_ALIKES = ("11 eyes", "red eyes black dragon", "white hair devil", "blue eyes white dragon", "green hair girl")
COLONS = ("re:zero", "nier:automata", "steins;gate:0", "fate:stay night")
TITLES = ("original", "original", "original", "touhou", "touhou", "vocaloid", "fate/stay night", "idolmaster")
LENGTHS = {"long": "long hair", "bob": "short hair", "short": "short hair", "twintails": "twintails",
           "ponytail": "ponytail", "buns": "hair bun"}
MOUTHS = {"smile": "smile", "open": "open mouth", "frown": "frown", "cat": "smile", "neutral": "closed mouth"}
EXTRAS = {"ribbon": "hair ribbon", "pin": "hairclip", "hairband": "hairband", "flower": "hair flower",
          "headset": "headset"}
CLOTHES = {"sailor": "serafuku", "hoodie": "hoodie", "kimono": "kimono", "turtleneck": "turtleneck", "shirt": "shirt"}
LIDS = {"wink": "one eye closed", "closed": "closed eyes", "half": "half-closed eyes"}


def kind_of_row(rng: np.random.Generator) -> str:
    """`clean`, or one of KINDS."""
    place = rng.random()
    for kind, share in KINDS.items():
        place -= share
        if place < 0:
            return kind
    return "clean"


def row(rng: np.random.Generator, kind: str, look: dict) -> tuple[str, ...]:
    """The tags of a CSV row in random order. A tag may have a stray space, which is not part of its name."""
    colours = [] if kind in ("no hair", "neither") else [f"{look['hair']} hair"]
    colours += [] if kind in ("no eyes", "neither") else [f"{look['eyes']} eyes"]
    colours += [f"{look['second_hair']} hair"] if look["second_hair"] else []
    colours += [f"{look['second_eyes']} eyes"] if look["second_eyes"] else []
    if kind == "space":
        k = int(rng.integers(len(colours)))
        colours[k] = colours[k] + " " if rng.random() < 0.5 else " " + colours[k]
    others = [tag for tag in _visible(look) if rng.random() < 0.8]
    others += _titles(rng, kind, look["miku"])
    tags = colours + others
    return tuple(tags[k] for k in rng.permutation(len(tags)))


def counts(rows: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """How many rows have each tag, stray spaces ignored."""
    rows_with: dict[str, int] = {}
    for tags in rows:
        for tag in tags:
            rows_with[tag.strip()] = rows_with.get(tag.strip(), 0) + 1
    return rows_with


def line(number: int, tags: tuple[str, ...], counts: dict[str, int]) -> str:
    r"""One row of tags_clean.csv: `id,tag:count\ttag:count\t`, with a tab also after the last tag."""
    return f"{number}," + "".join(f"{tag}:{counts[tag.strip()]}\t" for tag in tags)


def _visible(look: dict) -> list[str]:
    """What the image shows, apart from colours."""
    tags = [LENGTHS[look["back"]]]
    if look["back"] in ("twintails", "ponytail"):
        tags.append("long hair")
    for key, names in (("mouth", MOUTHS), ("extra", EXTRAS), ("clothing", CLOTHES), ("lids", LIDS)):
        if look[key] in names:
            tags.append(names[look[key]])
    tags += ["blush"] * (look["blush"] > 0.45) + ["glasses"] * look["glasses"] + ["ahoge"] * look["ahoge"]
    tags += ["heterochromia"] if look["second_eyes"] else []
    tags += ["multicolored hair"] if look["second_hair"] else []
    return tags + ["hime cut"] * (look["bangs"] == "hime" and look["back"] == "long")


def _titles(rng: np.random.Generator, kind: str, miku: bool) -> list[str]:
    """The works that a face is tagged with."""
    if miku:
        return ["hatsune miku", "vocaloid"]
    if kind == "look-alike":
        return [LOOK_ALIKES[rng.integers(len(LOOK_ALIKES))]]
    if kind == "colon":
        return [COLONS[rng.integers(len(COLONS))]]
    return [TITLES[rng.integers(len(TITLES))]] if rng.random() < 0.3 else []
