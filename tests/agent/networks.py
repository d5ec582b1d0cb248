"""Networks that see what a test wants, as ONNX files written by hand: no library is needed."""

import numpy as np

PLACE = (40, 24, 72, 56)
"""x0, y0, x1, y1: where the networks below see a person, in a frame of 160x96."""

_BRIGHT, _GAIN = 0.38, 12.0
"""Of the network that computes: mean brightness (0 to 1) from which a cell is part of a person, and
what is above it weighs so much. The ground of `worlds` has 0.31 at most, things have 0.78."""

_GLARE = 0.42
"""Of the network that hangs: mean brightness of what it is shown, bars included, from which it
does. A world of the darker ground has 0.34; one whose ground is as bright as it may be, 0.51."""

_FLOAT, _INT64, _BOOL = 1, 7, 9
_KINDS = {"float32": _FLOAT, "uint8": 2, "int8": 3, "int64": _INT64}
"""Types of elements."""


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


def network(value=0.9, *, turns=0):
    """An ONNX file that sees a person at `PLACE` in whatever it is shown, with score `value`.

    Args:
        turns: of a loop that does nothing, a microsecond or less each.
    """
    outputs = {"output0": predictions(PLACE, value), "output1": np.ones((1, 32, 16, 16), "f4")}
    if not turns:
        parts = [part for name, array in outputs.items() for part in _constant(name, array)]
        return _model(outputs, parts)
    idle = [
        _tensor("rows", outputs["output0"]),
        _tensor("turns", np.array(turns, "i8")),
        _tensor("zero", np.zeros(1, "f4")),
        _loop("turns", "zero", "after"),
        _node("Add", ["rows", "after"], ["output0"]),
    ]
    return _model(outputs, [*idle, *_constant("output1", outputs["output1"])])


def crowd_network(value=0.9):
    """An ONNX file that sees a person wherever there is room for one."""
    rows = np.zeros((1, 39, 84), np.float32)
    for i in range(12):
        x, y = 40 * (i % 4), 32 * (i // 4)
        rows[0, :, i] = predictions((x, y, x + 32, y + 28), value)[0, :, 0]
    outputs = {"output0": rows, "output1": np.ones((1, 32, 16, 16), "f4")}
    return _model(
        outputs, [part for name, each in outputs.items() for part in _constant(name, each)]
    )


def computing_network(value=0.9, *, picture=None, drawing=None, tail=None, turns=0):
    """An ONNX file that sees a person around `PLACE`, of whom it draws what is bright.

    Its prototypes are a convolution of the picture; `prototypes` says which.

    Args:
        picture: scale and zero point (uint8 or int8) in which the picture is quantised; None: not.
        drawing: of the prototypes, likewise.
        tail: of boxes and scores, which a quantised network must not have.
        turns: of a loop that does nothing, a microsecond or less each.
    """
    x0, y0, x1, y1 = PLACE
    rows = predictions((x0 - 4, y0 - 4, x1 + 4, y1 + 4), value)
    weight, bias = np.zeros((32, 3, 4, 4), "f4"), np.zeros(32, "f4")
    weight[0], bias[0] = _GAIN / weight[0].size, -_GAIN * _BRIGHT
    sizes = {"kernel_shape": (4, 4), "strides": (4, 4)}
    attributes = [
        _attribute(name, 7, b"".join(protobuf(8, side) for side in each))
        for name, each in sizes.items()
    ]
    idle = [
        _tensor("turns", np.array(turns, "i8")),
        _tensor("zero", np.zeros(1, "f4")),
        _loop("turns", "zero", "after"),
        _node("Add", ["rows", "after"], ["seen"]),
    ]
    parts = [
        _tensor("rows", rows),
        _tensor("weight", weight),
        _tensor("bias", bias),
        *(idle if turns else [_node("Identity", ["rows"], ["seen"])]),
        *_rounded("image", "shown", picture),
        _node("Conv", ["shown", "weight", "bias"], ["drawn"], *attributes),
        *_rounded("seen", "output0", tail),
        *_rounded("drawn", "output1", drawing),
    ]
    return _model({"output0": rows, "output1": np.empty((1, 32, 16, 16))}, parts)


def hanging_network(value=0.9):
    """As `network`, but a picture that glares keeps it busy for years."""
    rows = predictions(PLACE, value)
    parts = [
        _tensor("rows", rows),
        _tensor("glare", np.array(_GLARE, "f4")),
        _tensor("years", np.array(1e16, "f4")),
        _tensor("zero", np.zeros(1, "f4")),
        _node("ReduceMean", ["image"], ["mean"], _attribute("keepdims", 2, protobuf(3, 0))),
        _node("Sub", ["mean", "glare"], ["over"]),
        _node("Relu", ["over"], ["glaring"]),
        _node("Mul", ["glaring", "years"], ["long"]),
        _node("Cast", ["long"], ["turns"], _attribute("to", 2, protobuf(3, _INT64))),
        _loop("turns", "zero", "after"),
        _node("Add", ["rows", "after"], ["output0"]),
        *_constant("output1", np.ones((1, 32, 16, 16), "f4")),
    ]
    return _model({"output0": rows, "output1": np.empty((1, 32, 16, 16))}, parts)


def predictions(place, score):
    """What a network says of one person in x0, y0, x1, y1 of a frame of 160x96: [1, 39, 84]."""
    # 160x96 fits into 64x64 at 0.4, with 12.8 rows of bars above.
    x0, y0, x1, y1 = (0.4 * side for side in place)
    rows = np.zeros((1, 39, 84), np.float32)
    rows[0, :5, 0] = (x0 + x1) / 2, (y0 + y1) / 2 + 12.8, x1 - x0, y1 - y0, score
    rows[0, 7, 0] = 9  # the first prototype
    return rows


def prototypes(image):
    """What the network that computes makes of a picture [1, 3, 64, 64]: [1, 32, 16, 16]."""
    cells = np.zeros((1, 32, 16, 16), np.float32)
    cells[0, 0] = _GAIN * (image[0].reshape(3, 16, 4, 16, 4).mean((0, 2, 4)) - _BRIGHT)
    return cells


def _model(outputs, parts):
    """A model of a 64 px image; `parts` are fields of its graph."""
    graph = protobuf(2, "tests") + protobuf(11, _info("image", (1, 3, 64, 64))) + b"".join(parts)
    for name, array in outputs.items():
        graph += protobuf(12, _info(name, array.shape))
    return protobuf(1, 8) + protobuf(7, graph) + protobuf(8, protobuf(1, "") + protobuf(2, 13))


def _constant(name, array):
    """An output that is always the same."""
    node = protobuf(1, name + "_") + protobuf(2, name) + protobuf(4, "Identity")
    return [_tensor(name + "_", array), protobuf(1, node)]


def _loop(turns, through, after):
    """A node that hands on one number as it is, after so many turns."""
    body = b"".join(
        [
            protobuf(2, "body"),
            _node("Identity", ["goes_on"], ["goes_on_still"]),
            _node("Identity", ["nothing"], ["still_nothing"]),
            protobuf(11, _info("turn", (), _INT64)),
            protobuf(11, _info("goes_on", (), _BOOL)),
            protobuf(11, _info("nothing", (1,))),
            protobuf(12, _info("goes_on_still", (), _BOOL)),
            protobuf(12, _info("still_nothing", (1,))),
        ]
    )
    return _node("Loop", [turns, "", through], [after], _attribute("body", 5, protobuf(6, body)))


def _rounded(name, rounded, scale):
    """A tensor in steps of a scale around its zero point, and float again."""
    if scale is None:
        return [_node("Identity", [name], [rounded])]
    step, zero = f"{name}_step", f"{name}_zero"
    return [
        _tensor(step, np.array(scale[0], "f4")),
        _tensor(zero, np.array(scale[1])),
        _node("QuantizeLinear", [name, step, zero], [f"{name}_quantised"]),
        _node("DequantizeLinear", [f"{name}_quantised", step, zero], [rounded]),
    ]


def _node(kind, inputs, outputs, *attributes):
    ends = [protobuf(1, name) for name in inputs] + [protobuf(2, name) for name in outputs]
    return protobuf(1, b"".join(ends) + protobuf(4, kind) + b"".join(attributes))


def _attribute(name, kind, value):
    return protobuf(5, protobuf(1, name) + value + protobuf(20, kind))


def _tensor(name, array):
    kind = _KINDS[array.dtype.name]
    dims = b"".join(protobuf(1, size) for size in array.shape)
    return protobuf(5, dims + protobuf(2, kind) + protobuf(8, name) + protobuf(9, array.tobytes()))


def _info(name, shape, kind=_FLOAT):
    dims = b"".join(protobuf(1, protobuf(1, size)) for size in shape)
    return protobuf(1, name) + protobuf(2, protobuf(1, protobuf(1, kind) + protobuf(2, dims)))
