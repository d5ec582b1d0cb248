"""A network small enough to be known by heart, with all that quantising must tell apart."""

import numpy as np
import onnx
from onnx import numpy_helper, parser

TAIL = {"boxes", "scores", "coefficients", "drawn", "drawn_gate", "prototypes"}
"""Its nodes from the last convolutions on; each is called as what it makes."""

TEXT = """
<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]>
small (float[1, 3, height, width] images) => (%s)
{
    stem = Conv <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (images, w1, b1)
    stem_gate = Sigmoid (stem)
    lit = Mul (stem, stem_gate)
    second = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (lit, w0, b0)
    second_gate = Sigmoid (second)
    seen = Mul (second, second_gate)
    one = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (seen, w2, b2)
    one_gate = Sigmoid (one)
    two = Mul (one, one_gate)
    left, right = Split <axis = 1, num_outputs = 2> (two)
    pooled = MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (right)
    both = Concat <axis = 1> (left, pooled)
    added = Add (both, two)
    grown = Resize <mode = "nearest"> (added, , scales)
    three = Conv <kernel_shape = [1, 1]> (added, w3, b3)
    three_gate = Sigmoid (three)
    four = Mul (three, three_gate)
    boxes = Conv <kernel_shape = [1, 1]> (four, w4, b4)
    scores = Conv <kernel_shape = [1, 1]> (four, w5, b5)
    coefficients = Conv <kernel_shape = [1, 1]> (four, w6)
    drawn = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (grown, w7, b7)
    drawn_gate = Sigmoid (drawn)
    prototypes = Mul (drawn, drawn_gate)
    %s
}
"""

RAW = "float[1,64,a,b] boxes, float[1,1,a,b] scores, float[1,4,a,b] coefficients, float[1,4,c,d] prototypes"

DENSE = """
    flat = Reshape (boxes, sides_shape)
    turned = Transpose <perm = [0, 2, 1, 3]> (flat)
    shares = Softmax <axis = 1> (turned)
    sides = Conv <kernel_shape = [1, 1]> (shares, bins)
    decoded = Reshape (sides, boxes_shape)
    listed = Reshape (scores, scores_shape)
    sure = Sigmoid (listed)
    output0 = Concat <axis = 1> (decoded, sure)
"""


def small(*, dense=False):
    """The network as a file: raw heads, or boxes and scores in one output as an exporter has them."""
    outputs = "float[1,5,n] output0, float[1,4,c,d] prototypes" if dense else RAW
    model = parser.parse_model(TEXT % (outputs, DENSE if dense else ""))
    rng = np.random.default_rng(0)
    shapes = {1: (16, 3, 3, 3), 2: (16, 16, 3, 3), 3: (16, 16, 1, 1), 4: (64, 16, 1, 1)}
    shapes |= {5: (1, 16, 1, 1), 6: (4, 16, 1, 1), 7: (4, 16, 3, 3), 0: (16, 16, 3, 3)}
    weights = {f"w{i}": _drawn(rng, shape) for i, shape in shapes.items()}
    weights |= {f"b{i}": rng.normal(0, 0.1, shapes[i][0]).astype(np.float32) for i in shapes}
    weights["scales"] = np.array([1, 1, 2, 2], np.float32)
    weights["bins"] = np.arange(16, dtype=np.float32).reshape(1, 16, 1, 1)
    weights["sides_shape"] = np.array([1, 4, 16, -1])
    weights["boxes_shape"] = np.array([1, 4, -1])
    weights["scores_shape"] = np.array([1, 1, -1])
    used = {name for node in model.graph.node for name in node.input}
    for name, values in weights.items():
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(values, name))
    for node in model.graph.node:
        node.name = node.output[0]
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _drawn(rng, shape):
    """Weights by which signals neither vanish nor grow."""
    return rng.normal(0, 1.6 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def fed(seed, height=64, width=96):
    """A network input [1, 3, h, w]: smooth shapes from 0 to 1, as photographs are."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((1, 3, height // 16, width // 16))
    return coarse.repeat(16, 2).repeat(16, 3).astype(np.float32)


def nodes_of(model):
    return {node.name: node for node in onnx.load_from_string(model).graph.node}


def weights_of(model):
    graph = onnx.load_from_string(model).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
