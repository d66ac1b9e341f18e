"""Report 000's reason for embedding the labels, measured: do similar colours get similar embeddings?"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from common import metrics
from common.anime import tags
from common.anime.evaluation import Evaluation
from common.anime.faces.colours import EYE_RANGES, HAIR_RANGES, middle

RANGES = {"hair": [HAIR_RANGES[name] for name in tags.HAIR], "eyes": [EYE_RANGES[name] for name in tags.EYES]}


class WithEmbeddings(Evaluation):
    """The measures of a conditional generator, and for each label set whether its embeddings are as the colours are.

    `generator` is the network behind `generate`; the other arguments are those of `Evaluation`.
    """

    def __init__(self, generator: keras.Model, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._generator = generator

    def measurements(self) -> dict[str, Any]:
        """All measurements, as sections of metrics.json; "embedding" is None where labels enter one-hot."""
        tables = [layer.get_weights()[0] for layer in self._generator.layers
                  if isinstance(layer, keras.layers.Embedding)]  # hair, eyes: the order in which the model has them
        found = {name: similarity(table, RANGES[name]) for name, table in zip(RANGES, tables, strict=True)} \
            if tables else None
        return {**super().measurements(), "embedding": found}


def similarity(table: np.ndarray, ranges: list) -> dict[str, Any]:
    """`metrics.rank_correlation` of the embeddings' distance (1 - cosine) with the colours' distance in CIELAB.

    Args:
        table: [N, D], the embeddings of N colours.
        ranges: of each colour hue, saturation and value, see `faces.colours`: the middle is taken.
    """
    from skimage.color import rgb2lab

    middles = np.array([[middle(colour) for colour in ranges]], np.uint8)
    lab = rgb2lab(middles)[0]
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    return metrics.rank_correlation(1 - unit @ unit.T, np.linalg.norm(lab[:, None] - lab, axis=2))
