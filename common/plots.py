"""Figures of a run: sample grids, learning curves and animations. Every file is complete or absent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.files import atomic, write_picture
from common.runs import Row

WIDE = 400  # pixels, from which an animation is halved
PAPER, INK = (255, 255, 255), (40, 40, 40)


def tile(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """uint8 [N, H, W, 3] -> one uint8 image: the images row by row on white, `gap` pixels apart."""
    count, height, width, _ = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        sheet[top:top + height, left:left + width] = image
    return sheet


def grid(images: np.ndarray, column_names: Sequence[str], row_names: Sequence[str] = (), gap: int = 2) -> Image.Image:
    """Tiles with a name above each column and, where given, before each row.

    Args:
        images: uint8 [rows * columns, H, W, 3], row by row.
        column_names: one per column.
        row_names: one per row, or none.
    """
    sheet = Image.fromarray(tile(images, len(column_names), gap))
    font = ImageFont.load_default(size=12)
    left = max((int(font.getlength(name)) for name in row_names), default=-8) + 8
    page = Image.new("RGB", (left + sheet.width, 18 + sheet.height), PAPER)
    page.paste(sheet, (left, 18))
    pen = ImageDraw.Draw(page)
    height, width = images.shape[1] + gap, images.shape[2] + gap
    for index, name in enumerate(column_names):
        pen.text((left + index * width + width // 2, 9), name, INK, font, anchor="mm")
    for index, name in enumerate(row_names):
        pen.text((left - 6, 18 + index * height + height // 2), name, INK, font, anchor="rm")
    return page


def save(image: Image.Image | np.ndarray, path: Path, **options: object) -> None:
    """Writes an image; the suffix names the format, `options` go to Pillow."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        write_picture(image, temporary, **options)


def is_whole(path: Path) -> bool:
    """Whether an image file exists and can be decoded completely."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for damaged files
        return False
    return True


def animate(frames: Sequence[Path], path: Path, seconds: float = 0.5) -> None:
    """Writes frames as an endless animated WebP, wide ones at half their size; the last frame stays longer."""
    first, *rest = (Image.open(frame).convert("RGB") for frame in frames)
    if first.width > WIDE:
        first, *rest = (frame.reduce(2) for frame in (first, *rest))
    save(first, path, save_all=True, append_images=rest, loop=0, quality=60,
         duration=[int(1000 * seconds)] * len(rest) + [int(4000 * seconds)])


def curves(rows: Sequence[Row], panels: Mapping[str, Mapping[str, str]], path: Path, *, value: str = "loss",
           epoch: int | None = None) -> None:
    """Plots learning curves by step: raw values pale, their running mean strong.

    Args:
        rows: of log.csv or accuracy.csv, see `runs.read_log`.
        panels: for each panel's title the columns it shows and their legend, e.g. {"source": {"d_real": "D, real"}}.
        path: a PNG.
        value: label of the y axis.
        epoch: steps per epoch; the x axis then shows epochs.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = np.array([int(row["step"]) for row in rows]) / (epoch or 1)
    figure = Figure(figsize=(9, 3.2 * len(panels)), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, columns) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels.items(), strict=True):
        for number, (column, legend) in enumerate(columns.items()):
            values = np.array([float(row[column]) for row in rows])
            axes.plot(steps, values, color=f"C{number}", alpha=0.25, linewidth=0.8)
            axes.plot(steps, smooth(values, max(1, len(values) // 50)), color=f"C{number}", label=legend)
        axes.set(title=title, xlabel="epoch" if epoch else "step", ylabel=value)
        axes.legend(loc="upper right" if value == "loss" else "lower right")  # losses fall, accuracies rise
        axes.grid(alpha=0.3)
    with atomic(path) as temporary:
        figure.savefig(temporary, dpi=100, metadata={"Software": None})


def smooth(values: np.ndarray, width: int) -> np.ndarray:
    """Running mean over the last `width` values; at the start over as many as there are."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - width, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)
