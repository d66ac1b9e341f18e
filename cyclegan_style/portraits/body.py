"""Neck, ears, shoulders and clothes."""

import numpy as np

from cyclegan_style.portraits.fields import Frame, blurred, bump, moved, noise, over, step, track
from cyclegan_style.portraits.person import Portrait
from cyclegan_style.portraits.skin import lit, tinted


def ears(canvas: np.ndarray, person: Portrait, frame: Frame) -> None:
    """Both ears: a rim around a hollow; the far one is narrower."""
    for side in (-1, 1):
        wide = 5.6 * (1 - 0.4 * side * person.turn)
        patch = frame.patch(min(side * 36, side * 54), -14, max(side * 36, side * 54), 26)
        x, y = (patch.x * side - 43.5 + 0.10 * (patch.y - 5)) / wide, (patch.y - 5) / 13.5
        far = np.sqrt(x * x + y * y)
        light, _ = lit(0.9 * x * side, 0.5 * y, person)
        light *= 1 - 0.42 * bump(np.sqrt((x - 0.1) ** 2 + (y + 0.12) ** 2), 0.36, 0.2) * step(x, -0.6, 0.2)
        rosy = np.array(person.skin_rgb, np.float32) * (1.0, 0.90, 0.88)
        over(canvas[patch.at], tinted(rosy.astype(np.float32), light * 0.88), step(1 - far, -0.06, 0.1))


def draw(canvas: np.ndarray, person: Portrait, frame: Frame, rng: np.random.Generator) -> None:
    """Skin of neck and shoulders, then clothes. The body leans, the head does not."""
    patch = frame.patch(-999, 42)
    x = patch.x - np.tan(person.lean) * (patch.y - 55) + 2.5 * person.turn
    y = patch.y + x * np.tan(person.lean)
    wide = (22.5 if person.made_up else 29) + 2 * person.jaw
    neck = track(y, (40, wide), (62, wide), (74, wide + 2),
                 (80, wide + 9), (85, wide + 28), (90, wide + 50), (97, wide + 68), (112, wide + 74))
    across = np.clip(x / neck, -0.97, 0.97)
    right = 0.85 * across / np.sqrt(1 - 0.9 * across * across) * (1 - step(y, 74, 88) * 0.85)
    right -= 0.30 * (bump(np.abs(x), 9, 3) * np.sign(x)) * (1 - step(y, 80, 88))  # the sinews of the neck
    down = -0.5 * step(y, 76, 92) + 0.5 * bump(y, 91 + 0.02 * np.abs(x), 1.7) * bump(np.abs(x), 24, 14)
    light, _ = lit(right, down + 0 * x, person)
    side = person.light[0]
    under = step(66 + 5 * (1 - (x / 30) ** 2) + 7 * side * x / 30 - y + 6, -7, 9)  # the jaw's shadow
    light *= 1 - 0.50 * under
    light *= 1 + 0.012 * noise(rng, light.shape, light.shape)
    skin = tinted(np.array(person.skin_rgb, np.float32) * np.float32(0.96), light)
    over(canvas[patch.at], skin, step(neck - np.abs(x), -0.5, 0.8))
    if person.clothes != "bare" or not person.made_up:
        _clothes(canvas[patch.at], person, x, y, neck, rng)


def _clothes(canvas, person: Portrait, x, y, neck, rng) -> None:
    """Cloth over the shoulders, with soft folds; a jacket lies over a light shirt."""
    a, broad = np.abs(x), 0 if person.made_up else 4
    top = track(a, (0, 77), (24, 77.5), (34, 80), (56, 85 - broad), (80, 90 - broad), (93, 98 - broad), (104, 130))
    low = {"crew": 10, "neck": 26, "jacket": 40, "turtleneck": 10, "bare": 12}[person.clothes]
    sharp = {"crew": 2.2, "neck": 1.15, "jacket": 1.0, "turtleneck": 2.2, "bare": 2.2}[person.clothes]
    neckline = 79 + low * np.clip(1 - (a / 31) ** sharp, 0, 1)
    folds = noise(rng, np.broadcast_shapes(x.shape, y.shape), (5, 11))
    light, _ = lit(0.8 * (x / 90) + 0.22 * folds, -0.55 + 0.016 * a + 0 * y, person)
    light *= 1 - 0.35 * bump(a, neck + 1, 5) * (1 - step(y, 78, 96))
    if person.clothes == "jacket":
        shirt = np.array([232, 230, 228] if not person.made_up else [60, 56, 60], np.float32)
        inside = 80 + 16 * np.clip(1 - (a / 24), 0, 1)
        over(canvas, shirt * light[..., None], step(y - np.maximum(inside, top - 2), -0.5, 0.6))
        if not person.made_up and person.number % 2:
            tie = step(4.2 - a + 0.05 * (y - 90), -0.4, 0.6) * step(y, 91, 92.5)
            over(canvas, np.array([92, 34, 44], np.float32) * light[..., None], tie)
    weave = 1 + 0.02 * noise(rng, light.shape, light.shape)
    alpha = step(y - np.maximum(top, neckline), -0.5, 0.6)
    if person.clothes == "turtleneck":
        alpha = np.maximum(alpha, step(neck + 1.5 - a, -0.5, 0.6) * step(y - 71 + 0.004 * a * a, -0.5, 0.6))
    rim = bump(y - np.maximum(top, neckline), 2.6, 0.9) * (a < 33)
    cloth = np.array(person.cloth_rgb, np.float32) * (light * weave * (1 - 0.18 * rim))[..., None]
    shadow = moved(alpha, 0, -3)
    canvas *= (1 - 0.3 * np.clip(blurred(shadow, 3) - alpha, 0, 1))[..., None]
    over(canvas, cloth, alpha)
