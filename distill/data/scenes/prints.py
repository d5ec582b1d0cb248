"""Prints: what is on labels, cans and cartons. Made-up words, bands, crests and small print."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_WIDTH_PX = 144
_FONTS = (
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
_SYLLABLES = ("ba", "lo", "mi", "ra", "ven", "to", "sa", "ki", "or", "del", "fu", "nu", "pe", "zi")


def draw_print(random: np.random.Generator, aspect: float, paper: Colour, ink: Colour) -> Image:
    """RGB uint8 [h, 144, 3] in display colours, `aspect` is height over width."""
    wide, tall = _WIDTH_PX, int(np.clip(_WIDTH_PX * aspect, 24, 420))
    art = np.full((tall, wide, 3), paper, np.uint8)
    second = tuple(int(v) for v in random.integers(20, 235, 3))
    kind = random.integers(5)
    if kind == 0:  # bands above and below
        band = int(tall * random.uniform(0.06, 0.2))
        art[:band] = art[-band:] = ink
        art[band + 3 : band + 5] = art[-band - 5 : -band - 3] = second
    elif kind == 1:  # a broad sash
        top = int(tall * random.uniform(0.2, 0.45))
        art[top : top + int(tall * random.uniform(0.2, 0.4))] = second
    elif kind == 2:  # a diagonal
        lift = int(tall * random.uniform(-0.4, 0.4))
        corners = [(0, tall // 2 + lift), (wide, tall // 2 - lift), (wide, tall), (0, tall)]
        cv2.fillPoly(art, [np.array(corners, np.int32)], second, cv2.LINE_AA)
    elif kind == 3:  # narrow stripes
        step = int(random.integers(8, 20))
        for x in range(0, wide, step):
            art[:, x : x + step // 3] = second
    centre = (wide // 2 + int(random.integers(-12, 13)), int(tall * random.uniform(0.3, 0.5)))
    radius = int(min(wide, tall) * random.uniform(0.16, 0.34))
    crest = random.integers(4)
    if crest == 0:
        cv2.circle(art, centre, radius, ink, -1, cv2.LINE_AA)
        cv2.circle(art, centre, max(1, radius - 4), second, 2, cv2.LINE_AA)
    elif crest == 1:
        cv2.ellipse(art, centre, (int(radius * 1.6), radius), 0, 0, 360, second, -1, cv2.LINE_AA)
    elif crest == 2:
        x, y = centre
        diamond = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
        cv2.fillPoly(art, [np.array(diamond, np.int32)], ink, cv2.LINE_AA)
    _write(random, art, centre[1], ink if crest in {1, 3} else paper)
    for line in range(int(tall * 0.7), int(tall * 0.9), 9):  # small print
        length = int(wide * random.uniform(0.2, 0.45))
        start = wide // 2 - length
        art[line : line + 2, start : start + 2 * length : 1] = ink
        for gap in random.integers(start, start + 2 * length, 5):
            art[line : line + 2, gap : gap + 4] = paper
    return art


def _write(random: np.random.Generator, art: Image, y: int, ink: Colour) -> None:
    word = "".join(
        _SYLLABLES[i] for i in random.integers(len(_SYLLABLES), size=random.integers(2, 4))
    )
    if random.random() < 0.5:
        word = word.upper()
    font = _FONTS[random.integers(len(_FONTS))]
    (wide, tall), _ = cv2.getTextSize(word, font, 1, 2)
    scale = min(art.shape[1] * 0.8 / wide, art.shape[0] * 0.35 / tall)
    at = (int((art.shape[1] - wide * scale) / 2), int(y + tall * scale / 2))
    cv2.putText(art, word, at, font, scale, ink, max(1, round(2 * scale)), cv2.LINE_AA)
