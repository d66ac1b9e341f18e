"""Faces to choose by hair and eye colour, for the page: see common/explorer.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common import sampling
from common.anime import tags
from common.anime.faces import colours
from common.anime.sampling import Generate
from common.explorer import Explorer, on_the_way

FACES, BETWEEN = 8, 4        # of each condition
BRIEF_FACES, BRIEF_BETWEEN = 2, 0


def draw(generate: Generate, z: int, eyes: Sequence[str] = tags.EYES, seed: int = 0, brief: bool = False) -> Explorer:
    """All hair by all eye colours, every condition with the same noise.

    Args:
        generate: the generator.
        z: size of the noise.
        eyes: the eye colours that it knows.
        seed: of the noise; the faces of a condition are those of sample.py with the id 0.
        brief: few faces of each condition, for --preset smoke.
    """
    faces, between = (BRIEF_FACES, BRIEF_BETWEEN) if brief else (FACES, BETWEEN)
    noises = sampling.noise(seed, 0, faces, z)
    noises = np.concatenate([noises, on_the_way(noises[0], noises[1], between)])
    conditions = [(hair, tags.EYES.index(eye)) for hair in range(len(tags.HAIR)) for eye in eyes]
    hair, eye = np.repeat(np.array(conditions), len(noises), axis=0).T
    tiles = generate(np.tile(noises, (len(conditions), 1)), hair, eye)
    parts = ("hair", tags.HAIR, colours.HAIR_RANGES), ("eyes", eyes, colours.EYE_RANGES)
    swatches = [[part, [[name, "#{:02x}{:02x}{:02x}".format(*colours.middle(ranges[name]))] for name in names]]
                for part, names, ranges in parts]
    return Explorer(tiles, {"kind": "choices", "choices": swatches, "faces": faces, "between": between})
