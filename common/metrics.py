"""Measures of generated images: pure functions on NumPy arrays.

"Features" are the judge's, one row per image, not Inception's: `frechet` and `kid` compare runs under one judge with
each other, never with a paper. Compare at the same n, and with the floor: real against real, see `halves`. All results
can be written as JSON. SciPy and scikit-image are imported where they are used: each import takes 0.3 s or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np


def condition_accuracy(asked: Mapping[str, np.ndarray], judged: Mapping[str, np.ndarray],
                       names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """In what fraction of images the judge sees the condition asked for (after Odena et al. 2017, arXiv:1610.09585).

    Args:
        asked, judged: for each label set, such as "hair" and "eyes", the classes asked for and seen, [N] integers.
        names: for each label set the names of the classes; the classes are indices into them.

    Returns:
        For each set the fraction that is right, in [0, 1]; "both", the fraction with all sets right; "colours",
        {set: {name: {"right": fraction, "n": times asked}}} for the names that were asked for; "interval",
        {set: [low, high]} over these names, see `interval`; "n", which is N.

    Raises `ValueError` for different sets or lengths, no images, or an asked class without a name.
    """
    if not asked or not set(asked) == set(judged) == set(names):
        raise ValueError(f"the label sets differ: {[*asked]} asked, {[*judged]} judged, {[*names]} named")
    n = len(next(iter(asked.values())))
    if n == 0 or any(np.shape(labels) != (n,) for sets in (asked, judged) for labels in sets.values()):
        raise ValueError("every label set needs the same number of labels, at least one, as a flat array")
    right, colours = {}, {}
    for key, wanted in asked.items():
        wanted = np.asarray(wanted)
        if wanted.min() < 0 or wanted.max() >= len(names[key]):
            raise ValueError(f"{key}: asked for {wanted.min()} to {wanted.max()}, but {len(names[key])} have names")
        right[key] = wanted == np.asarray(judged[key])
        colours[key] = {names[key][k]: {"right": float(right[key][wanted == k].mean()), "n": int((wanted == k).sum())}
                        for k in np.unique(wanted)}
    both = float(np.all([*right.values()], axis=0).mean())
    means = {key: float(hits.mean()) for key, hits in right.items()}
    intervals = {key: interval([colour["right"] for colour in colours[key].values()], means[key]) for key in means}
    return {**means, "both": both, "colours": colours, "interval": intervals, "n": n}


def frechet(real: np.ndarray, fake: np.ndarray) -> float:
    """Frechet distance of two Gaussians fitted to features: FID's formula (Heusel et al. 2017, arXiv:1706.08500).

    |m_r - m_f|^2 + tr(C_r + C_f - 2 (C_r C_f)^(1/2)) with means m and covariances C (divided by n - 1). With C_r = AA'
    and C_f = BB' the last trace is the sum of the singular values of A'B: nothing is complex or negative, and fewer
    rows than columns are no problem.

    Args:
        real, fake: features [N, D] and [M, D]; n is N and M, at least 2 each. The value falls as n grows.

    Returns 0 (same mean and covariance) or above. Raises `ValueError` for fewer than 2 rows, different D, or a value
    that is not finite.
    """
    real, fake = _pair(real, fake)

    def root(rows: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(rows, rowvar=False)))
        return vectors * np.sqrt(values.clip(min=0))

    a, b = root(real), root(fake)
    apart = np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2)
    shared = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    return max(0.0, float(apart + np.sum(a**2) + np.sum(b**2) - 2 * shared))


def kid(real: np.ndarray, fake: np.ndarray) -> float:
    """Kernel distance: unbiased MMD^2 with the kernel (x.y / D + 1)^3 (Binkowski et al. 2018, arXiv:1801.01401).

    The mean kernel of two different real rows, plus that of two different fakes, minus twice that of a real and a fake,
    over all pairs, not subsets. Its expectation is the same for every n, 0 for equal distributions: it may be negative.

    Args:
        real, fake: features [N, D] and [M, D]; n is N and M, at least 2 each. Needs some 24 bytes * max(N, M)^2.

    Raises `ValueError` as `frechet` does.
    """
    real, fake = _pair(real, fake)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        base = x @ y.T / x.shape[1] + 1
        return base * base * base

    within = 0.0
    for rows in (real, fake):
        values = kernel(rows, rows)
        within += (values.sum() - np.trace(values)) / (len(rows) * (len(rows) - 1))
    return float(within - 2 * kernel(real, fake).mean())


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020, arXiv:2002.09797): are the fakes close to real rows, and are all
    real rows covered?

    The ball around a real row reaches to its k-th nearest other real row, boundary included (so identical rows count).

    Args:
        real, fake: features [N, D] and [M, D]; n is N and M, at least 2 each, and N above k.
        k: the neighbour that sets the radius; the paper's 5.

    Returns:
        density: the mean number of balls around a fake, divided by k; 0 or above, about 1 for equal distributions.
        coverage: the fraction of balls with a fake inside, in [0, 1]; about 1 - 2^-k for equal distributions, N = M.

    Raises `ValueError` as `frechet` does, and unless k is from 1 to N - 1.
    """
    from scipy.spatial.distance import cdist

    real, fake = _pair(real, fake)
    if not 1 <= k < len(real):
        raise ValueError(f"k is {k}: it must be from 1 to {len(real) - 1}, the number of real rows minus 1")
    radii = np.partition(cdist(real, real), k, axis=1)[:, k]  # place 0 is the row itself
    inside = cdist(real, fake) <= radii[:, None]
    return float(inside.sum() / (k * len(fake))), float(inside.any(axis=1).mean())


def diversity(images: Sequence[np.ndarray], features: Sequence[np.ndarray], real_images: Sequence[np.ndarray],
              real_features: Sequence[np.ndarray], *, ssim_pairs: int = 28, distance_share: float = 0.25,
              ssim_share: float = 0.5) -> dict[str, Any]:
    """How much the images of one condition differ, compared with real images of the same conditions.

    Mean SSIM (Wang et al. 2004, doi:10.1109/TIP.2003.819861; within a class as Odena et al. 2017, arXiv:1610.09585, who
    take MS-SSIM) and mean Euclidean distance of features, over the pairs of a condition, then over conditions.
    "collapsed" if the distance is at most `distance_share` of the real one, or SSIM at least `ssim_share` of the way
    from the real one to 1; identical images always are.

    Args:
        images: for each of C conditions [K, H, W, 3] uint8; K may differ (then a list). H and W at least 7.
        features: for each condition [K, D].
        real_images, real_features: the same of real images. Conditions with fewer than 2 on either side are left out.
        ssim_pairs: pairs per condition for the SSIM, evenly spaced among all; 28 are all pairs of 8.

    Returns:
        "ssim", "real_ssim", at most 1; "distance", "real_distance", 0 or above; "verdict", "collapsed" or "diverse";
        "thresholds": {"distance_at_most", "ssim_at_least"}; "conditions" compared; "n", "real_n", their images.

    Raises `ValueError` for lengths that do not match, images that are not uint8, features that are not finite, or no
    condition with 2 images on both sides.
    """
    conditions = list(zip(images, features, real_images, real_features, strict=True))
    compared = [condition for condition in conditions if min(len(condition[0]), len(condition[2])) >= 2]
    if not compared:
        raise ValueError("no condition has 2 real and 2 generated images; give more images per condition")
    n, ssim, distance = _within([condition[:2] for condition in compared], ssim_pairs)
    real_n, real_ssim, real_distance = _within([condition[2:] for condition in compared], ssim_pairs)
    most_distance, least_ssim = distance_share * real_distance, real_ssim + ssim_share * (1 - real_ssim)
    return {"ssim": ssim, "real_ssim": real_ssim, "distance": distance, "real_distance": real_distance,
            "verdict": "collapsed" if distance <= most_distance or ssim >= least_ssim else "diverse",
            "thresholds": {"distance_at_most": most_distance, "ssim_at_least": least_ssim},
            "conditions": len(compared), "n": n, "real_n": real_n}


def interval(shares: Sequence[float], mean: float) -> list[float] | None:
    """The 95% interval of a mean over groups of images, such as the colours that were asked for: Student's t.

    Groups are counted, not images: of a collapsed generator all images of a group are right or wrong together.

    Args:
        shares: for each group the share that is right, in [0, 1].
        mean: the middle of the interval.

    Returns:
        [low, high], within [0, 1]; None for fewer than 2 groups.
    """
    from scipy.special import stdtrit

    groups = len(shares)
    if groups < 2:
        return None
    half = float(stdtrit(groups - 1, 0.975) * np.std(shares, ddof=1) / groups**0.5)
    return [max(0.0, mean - half), min(1.0, mean + half)]


def luminance(images: np.ndarray) -> dict[str, float]:
    """How bright images are, and how strong their contrast is.

    Args:
        images: uint8 [N, H, W, 3].

    Returns:
        "brightness": mean luma (Rec. 601) in [0, 1]; "contrast": its standard deviation within an image, mean over the
        images.
    """
    luma = np.asarray(images, np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    return {"brightness": float(luma.mean()), "contrast": float(luma.std(axis=(1, 2)).mean())}


def rank_correlation(first: np.ndarray, second: np.ndarray, permutations: int = 999, seed: int = 0) -> dict[str, Any]:
    """Do pairs that are far apart by one distance lie far apart by another? (Mantel 1967, with Spearman's ranks.)

    Args:
        first, second: distances [N, N] of the same N things, symmetric; N at least 3.
        permutations: of the things, for the p-value.

    Returns:
        "rank_correlation" over the N (N - 1) / 2 pairs, in [-1, 1]; "p", the share of random orders of the things with
        one at least as large; "pairs".
    """
    from scipy.stats import rankdata

    pairs = np.triu_indices(len(first), 1)
    ranks = [np.zeros(first.shape), np.zeros(first.shape)]
    for matrix, distances in zip(ranks, (first, second), strict=True):
        values = rankdata(np.asarray(distances)[pairs])
        matrix[pairs] = values - values.mean()
        matrix += matrix.T
    scale = np.sqrt(np.prod([np.sum(matrix[pairs] ** 2) for matrix in ranks]))

    def correlation(order: np.ndarray) -> float:
        return float(np.sum(ranks[0][pairs] * ranks[1][np.ix_(order, order)][pairs]) / scale) if scale else 0.0

    found, rng = correlation(np.arange(len(first))), np.random.default_rng(seed)
    at_least = sum(correlation(rng.permutation(len(first))) >= found - 1e-12 for _ in range(permutations))
    return {"rank_correlation": found, "p": (1 + at_least) / (1 + permutations), "pairs": len(pairs[0])}


def likeness(images: np.ndarray, others: np.ndarray) -> float:
    """The mean SSIM of grey images and others, pair by pair, as far as there are both; 1 where they are the same.

    Args:
        images, others: uint8 [N, H, W, 3] and [M, H, W, 3]; H and W at least 7.
    """
    from skimage.color import rgb2gray
    from skimage.metrics import structural_similarity

    return float(np.mean([structural_similarity(rgb2gray(image), rgb2gray(other), data_range=1)
                          for image, other in zip(images, others, strict=False)]))


def condition_effect(features: np.ndarray, real: np.ndarray, accuracy: Mapping[str, Mapping[str, float]], *,
                     ignored_below: float = 0.25, one_image_below: float = 0.1) -> dict[str, Any]:
    """Does the generator follow the condition? (A measure of this repository, not of a paper.)

    Args:
        features: [Z, C, D], of images generated from Z noise vectors with the same C conditions each; Z, C at least 2.
        real: features [R, D] of real images of any conditions, at least 2.
        accuracy: for each label set "low", the lower end of the accuracy's `interval`, "chance" and "ceiling".
        ignored_below, one_image_below: shares of the distance of two real images.

    Returns:
        "condition": mean Euclidean distance of two images with the same noise and different conditions; "noise": of two
        with the same condition and different noise; "real": of two real images; "ratio": condition / noise, 0 if
        nothing changes at all, None if only the noise has no effect; "verdict"; "thresholds"; "noises" Z;
        "conditions" C; "n" ZC. The verdict is the first that holds:

        - "one image for everything": neither condition nor noise changes the image by `one_image_below`;
        - "followed": in each label set "low" is at least half of the way from chance to the ceiling;
        - "followed in part": in one of them "low" is above chance;
        - "ignored": the condition changes the image by less than `ignored_below`;
        - "not followed": it changes the image, but not as asked.

    Raises `ValueError` for another shape, Z, C or R below 2, or a value that is not finite.
    """
    features, real = _finite("features", features), _finite("real", real)
    if features.ndim != 3 or min(features.shape[:2]) < 2:
        raise ValueError(f"features {features.shape}: must be [noises, conditions, D], 2 or more noises and conditions")
    if real.ndim != 2 or len(real) < 2:
        raise ValueError(f"real {real.shape}: must be [images, D], 2 or more images")
    noises, conditions = features.shape[:2]
    condition = float(np.mean([_distance(rows) for rows in features]))
    noise = float(np.mean([_distance(rows) for rows in features.swapaxes(0, 1)]))
    apart = _distance(real)
    if max(condition, noise) <= one_image_below * apart:
        verdict = "one image for everything"
    elif all(part["low"] >= (part["chance"] + part["ceiling"]) / 2 for part in accuracy.values()):
        verdict = "followed"
    elif any(part["low"] > part["chance"] for part in accuracy.values()):
        verdict = "followed in part"
    else:
        verdict = "ignored" if condition <= ignored_below * apart else "not followed"
    return {"condition": condition, "noise": noise, "real": apart,
            "ratio": condition / noise if noise else None if condition else 0.0, "verdict": verdict,
            "thresholds": {"ignored_at_most": ignored_below * apart, "one_image_at_most": one_image_below * apart},
            "noises": noises, "conditions": conditions, "n": noises * conditions}


def halves(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two disjoint random halves of the row numbers 0 to n - 1, [n // 2] each; an odd n leaves one out.

    `frechet` and `kid` of the two halves of 2 n real rows are the floor for n fakes against n real rows.
    """
    if n < 2:
        raise ValueError(f"{n} rows cannot be split into halves")
    order = np.random.default_rng(seed).permutation(n)
    return order[:n // 2], order[n // 2:n // 2 * 2]


def _finite(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: {int((~np.isfinite(values)).sum())} of {values.size} values are not finite")
    return values


def _pair(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real, fake = _finite("real", real), _finite("fake", fake)
    for name, rows in (("real", real), ("fake", fake)):
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] < 1:
            raise ValueError(f"{name} {rows.shape}: must be [rows, D] with at least 2 rows")
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"real has {real.shape[1]} features, fake {fake.shape[1]}: both must come from the same judge")
    return real, fake


def _within(conditions: list[tuple[np.ndarray, np.ndarray]], ssim_pairs: int) -> tuple[int, float, float]:
    """Number of images, mean SSIM and mean feature distance within conditions, each (images, features)."""
    for images, rows in conditions:
        if np.ndim(images) != 4 or np.asarray(images).dtype != np.uint8 or len(images) != len(rows):
            raise ValueError("each condition needs [K, H, W, 3] uint8 images and one row of features per image")
    ssim = np.mean([_ssim(images, ssim_pairs) for images, _ in conditions])
    distance = np.mean([_distance(_finite("features", rows)) for _, rows in conditions])
    return sum(len(images) for images, _ in conditions), float(ssim), float(distance)


def _distance(rows: np.ndarray) -> float:
    """Mean distance of two different rows; distances that float32 rounding can cause count as 0."""
    from scipy.spatial.distance import pdist

    mean = float(pdist(rows).mean())
    return mean if mean > 1e-6 * np.linalg.norm(rows, axis=1).max() else 0.0


def _ssim(images: np.ndarray, most: int) -> float:
    """Mean SSIM of at most `most` pairs of images, evenly spaced among all pairs."""
    from skimage.metrics import structural_similarity

    pairs = list(combinations(images, 2))
    chosen = np.linspace(0, len(pairs) - 1, min(most, len(pairs))).astype(int)
    return float(np.mean([structural_similarity(*pairs[i], channel_axis=-1, data_range=255) for i in chosen]))
