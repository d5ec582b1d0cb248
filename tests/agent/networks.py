"""Networks that see what a test wants, as ONNX files written by hand: no library is needed."""

import numpy as np

PLACE = (40, 24, 72, 56)
"""x0, y0, x1, y1: where the network below sees a person, in a frame of 160x96."""


def protobuf(number, value):
    """One field of a message, numbers and bytes."""

    def varint(value):
        out = bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        return bytes([*out, value])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def network(value=0.9):
    """An ONNX file that sees a person at `PLACE` in whatever it is shown, with score `value`."""
    # 160x96 fits into 64x64 at 0.4, with 12.8 rows of bars above.
    x0, y0, x1, y1 = (0.4 * side for side in PLACE)
    rows = np.zeros((1, 39, 84), np.float32)
    rows[0, :5, 0] = (x0 + x1) / 2, (y0 + y1) / 2 + 12.8, x1 - x0, y1 - y0, value
    rows[0, 7, 0] = 9  # the first prototype, which is 1 everywhere
    outputs = {"output0": rows, "output1": np.ones((1, 32, 16, 16), np.float32)}

    def info(name, shape):
        dims = b"".join(protobuf(1, protobuf(1, size)) for size in shape)
        return protobuf(1, name) + protobuf(2, protobuf(1, protobuf(1, 1) + protobuf(2, dims)))

    graph = protobuf(2, "constant") + protobuf(11, info("image", (1, 3, 64, 64)))
    for name, array in outputs.items():
        tensor = b"".join(protobuf(1, size) for size in array.shape) + protobuf(2, 1)
        tensor += protobuf(8, name + "_") + protobuf(9, array.tobytes())
        node = protobuf(1, name + "_") + protobuf(2, name) + protobuf(4, "Identity")
        graph += protobuf(5, tensor) + protobuf(1, node) + protobuf(12, info(name, array.shape))
    opset = protobuf(1, "") + protobuf(2, 13)
    return protobuf(1, 8) + protobuf(7, graph) + protobuf(8, opset)
