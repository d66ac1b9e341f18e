"""One judge for images of any size: those of 96 pixels are reduced to 64 before they are judged."""

from __future__ import annotations

import numpy as np
from PIL import Image

from common.anime.sampling import Generate

SIZE = 64  # of the report's final images, and of what the judge sees


def reduced(generate: Generate) -> Generate:
    """The same generator with its images at SIZE, resized as `common.decoding` resizes real ones."""
    def generate_small(z: np.ndarray, hair: np.ndarray, eyes: np.ndarray) -> np.ndarray:
        return np.stack([np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.LANCZOS))
                         for image in generate(z, hair, eyes)])

    return generate_small
