"""A number in a picture: sixteen blocks along the top edge, which any codec leaves readable."""

import numpy as np

BLOCK = 16
BITS = 16


def stamped(luma: np.ndarray, number: int) -> np.ndarray:
    """Write it into a plane of luma, uint8 (height, width), 256 pixels wide or more."""
    for bit in range(BITS):
        luma[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235 if number >> bit & 1 else 16
    return luma


def read_number(luma: np.ndarray) -> int:
    """Read it from the middle of each block."""
    blocks = luma[4:12, : BITS * BLOCK].reshape(8, BITS, BLOCK)[:, :, 4:12]
    return sum(1 << bit for bit in np.flatnonzero(blocks.mean((0, 2)) > 125).tolist())


READ = f"""
function read(picture) {{
  const canvas = new OffscreenCanvas({BITS * BLOCK}, {BLOCK}), context = canvas.getContext("2d", {{willReadFrequently: true}});
  context.drawImage(picture, 0, 0, {BITS * BLOCK}, {BLOCK}, 0, 0, {BITS * BLOCK}, {BLOCK});
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit += 1) {{
    if (context.getImageData(bit * {BLOCK} + 8, 8, 1, 1).data[1] > 125) number += 2 ** bit;
  }}
  return number;
}}
"""
"""JavaScript: what a picture carries, as `read_number` reads it."""

NOTE = f"""(() => {{ {READ}
  const frame = document.querySelector("#frame"), canvas = document.querySelector("#picture");
  window.noted = [];
  new MutationObserver(() => noted.push([Number(frame.dataset.number), read(canvas)]))
    .observe(frame, {{attributeFilter: ["data-number"]}});
}})()"""
"""JavaScript: from now on, note each picture that is drawn by its number, and what it carries."""
