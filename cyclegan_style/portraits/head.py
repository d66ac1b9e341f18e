"""The face: a height map of brow, nose, cheeks, lips and chin, lit as a solid body."""

import numpy as np

from cyclegan_style.portraits.fields import Frame, Patch, bump, noise, step, track
from cyclegan_style.portraits.person import Portrait
from cyclegan_style.portraits.skin import half_width, lit


class Face:
    """The skin of the face on its patch: position, shape, light. Eyes and mouth are painted onto it."""

    def __init__(self, person: Portrait, frame: Frame, rng: np.random.Generator):
        self.person = person
        self.patch: Patch = frame.patch(-50, -78, 50, 76)
        x, y = self.patch.x, self.patch.y
        # Features move with turn and nod, as on a ball: most in the middle, not at the edge.
        self.u = x - 7 * person.turn * np.clip(1 - (x / 47) ** 2, 0, 1)
        self.v = y - 3 * person.nod * np.clip(1 - (y / 72) ** 2, 0, 1)
        self.half = half_width(y, person)
        edge = self.half - np.abs(x + 0.8 * person.turn * step(y, 0, 60))
        self.alpha = step(edge, -0.6, 0.9)
        self._shape(rng)

    def _shape(self, rng) -> None:
        person, x, y = self.person, self.patch.x, self.patch.y
        across = np.clip(x / np.maximum(self.half, 0.5), -0.97, 0.97)
        right = 0.78 * across / np.sqrt(1 - 0.95 * across * across)
        down = track(y, (-78, -1.6), (-60, -1.0), (-40, -0.42), (-18, -0.06), (5, 0.0), (30, 0.05), (48, 0.16),
                     (60, 0.5), (68, 1.1), (76, 1.6))
        height = self.height()
        slope_y, slope_x = np.gradient(height, float(y[1, 0] - y[0, 0]))
        light, gloss = lit(right - slope_x, down - slope_y, person)
        shape = light.shape
        light *= self.shadows()
        light *= 1 + 0.012 * noise(rng, shape, (60, 44)) + 0.014 * noise(rng, shape, shape)
        self.light = light
        oily = 0.35 + 0.65 * bump(self.u, 0, 14) * step(self.v, -60, -20)
        self.gloss = gloss * oily * (0.8 + 0.2 * noise(rng, shape, (30, 22)))
        self.albedo = self._colours(rng, shape)

    def height(self) -> np.ndarray:
        """The height of the face's features over a plain oval, in head units."""
        person, u, v = self.person, self.u, self.v
        a, n, age, smile = np.abs(u), person.nose, person.age, person.smile
        parts = (  # height, across, down
            (1.6, bump(a, 15, 11), bump(v, -13, 4.5)), (-4.2, bump(a, 14, 8), bump(v, -1, 6)),
            (2.6, bump(a, 19.5, 7), bump(v, 0.5, 4.2)), (2.4 + 2 * smile, bump(a, 27, 11), bump(v, 20, 9)),
            (2.8, bump(a, 7.3 * n, 2.8), bump(v, 25.8, 3.0)), (-0.7, bump(u, 0, 1.6), bump(v, 34, 3)),
            (2.6, bump(u, 0, 15), bump(v, 41, 9)), (1.3, bump(a, 3.5, 4.5), bump(v, 38.4, 1.7)),
            (2.3 * person.lips, bump(u, 0, 8), bump(v, 45.4, 2.5)), (-2.0, bump(u, 0, 9), bump(v, 52, 3)),
            (3.2, bump(u, 0, 9), bump(v, 61, 6)), (-1.8, bump(a, 40, 8), bump(v, -22, 12)),
            (-0.5 - 0.5 * age, bump(a, 17, 6), bump(v, 8.5, 1.8)), (-0.7, bump(a, 29, 8), bump(v, 38, 11)),
        )
        total = sum(size * down * across for size, across, down in parts)
        tip = u - 3.2 * person.turn * step(v, 0, 24)  # the nose sticks out, so it moves further
        ridge = track(v, (-16, 0.4), (-8, 2.2), (2, 4.0), (12, 6.6), (20, 9.6), (23, 10.0),
                      (27, 8.4), (31, 3.6), (35, 0))
        wide = track(v, (-16, 6), (0, 4.4 * n), (12, 4.8 * n), (23, 5.3 * n), (34, 4.6 * n))
        total += ridge * np.exp(-0.5 * (tip / wide) ** 2)
        fold = 12 * n + (v - 26) * 0.42 + 1.5 * smile  # from the nose to the corner of the mouth
        total -= (0.35 + 0.75 * age + 0.5 * smile) * bump(a - fold, 0, 1.5) * step(v, 24, 29) * (1 - step(v, 40, 52))
        wrinkles = sum(bump(v - 0.0012 * u * u, place, 0.8) for place in (-38, -31, -24.5))
        total -= 0.55 * max(0.0, age - 0.35) * wrinkles * bump(u, 0, 22)
        return total.astype(np.float32)

    def shadows(self) -> np.ndarray:
        """Where less light arrives: eye sockets, below nose, lip and jaw, and in the shadow of the nose."""
        u, v, side = self.u, self.v, np.sign(self.person.light[0])
        a, n = np.abs(u - 3 * self.person.turn * step(v, 0, 24)), self.person.nose
        shade = 1 - 0.26 * bump(a, 12.5, 5) * bump(v, -3, 4.5)
        shade *= 1 - 0.10 * bump(a, 19.5, 10) * bump(v, -5, 4)
        shade *= 1 - 0.55 * bump(a, 4.7 * n, 1.5 * n) * bump(v, 29.4, 0.9)  # nostrils
        shade *= 1 - 0.20 * bump(a, 0, 6 * n) * bump(v, 31, 1.9)
        shade *= 1 - 0.22 * bump(a, 10.6 * n, 1.1) * bump(v, 26.5, 3)
        sideways = abs(self.person.light[0])
        shade *= 1 - 0.26 * sideways * bump(u + side * (10 + 3 * sideways), 0, 4) * bump(v, 24, 7)
        shade *= 1 - 0.16 * sideways * bump(u + side * 6.5, 0, 2.5) * step(v, -6, 8) * (1 - step(v, 20, 32))
        shade *= 1 - 0.24 * bump(u, 0, 9) * bump(v, 50.5, 1.9)
        return shade * (1 - 0.30 * step(self.patch.y - 8 * (1 - (self.patch.x / 40) ** 2), 50, 66))

    def _colours(self, rng, shape) -> np.ndarray:
        """Skin before light [h, w, 3]: redder cheeks, nose and chin, yellower forehead, a few freckles, a beard."""
        person, u, v = self.person, self.u, self.v
        skin, a = np.array(person.skin_rgb, np.float32), np.abs(u)
        rosy = (0.75 * bump(a, 26, 10) * bump(v, 21, 9) + 0.6 * bump(u, 0, 8) * bump(v, 24, 6)
                + 0.3 * bump(u, 0, 10) * bump(v, 61, 7) + 0.08 * noise(rng, shape, (16, 12)))
        rosy *= 0.55 + 0.4 * person.made_up + 0.3 * rng.random()
        albedo = skin * (1 + rosy[..., None] * np.array([0.03, -0.13, -0.11], np.float32))
        if rng.random() < 0.12 and sum(person.skin_rgb) > 520:
            spots = step(noise(rng, shape, (120, 90)), 1.5, 2.2) * bump(v, 14, 9) * bump(a, 16, 14)
            albedo *= 1 - spots[..., None] * np.array([0.14, 0.22, 0.26], np.float32)
        return albedo
