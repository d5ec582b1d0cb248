"""Networks with IS-Net's input and outputs that know by heart what stands out: what is red."""

import onnx
from onnx import parser

_TEXT = """
<ir_version: 8, opset_import: ["" : 18]>
isnet (float[1, 3, %(side)s, %(side)s] input) => (float[1, 1, %(side)s, %(side)s] output, float[1, 1, %(side)s, %(side)s] d2)
<float[1, 3, 1, 1] weights = {%(gain)s, -%(gain)s, 0}, float low = {0}, float high = {1}>
{
    redder = Conv (input, weights)
    output = Clip (redder, low, high)
    d2 = Identity (redder)
}
"""

_DETECTOR = """
<ir_version: 8, opset_import: ["" : 18]>
detector (float[1, 3, 1024, 1024] images) => (float[1, 84, 8400] output0)
<int64[3] shape = {1, 84, 8400}, int64[3] one = {1, 1, 1}>
{
    least = ReduceMin <keepdims = 1> (images)
    flat = Reshape <allowzero = 0> (least, one)
    output0 = Expand (flat, shape)
}
"""


def write_isnet(path, *, side=1024, gain=2):
    """The probability of a pixel is `gain` times how much red is above green, of 256."""
    model = parser.parse_model(_TEXT % {"side": side, "gain": gain})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def write_detector(path):
    """A network that takes what IS-Net takes and gives what a detector gives."""
    path.write_bytes(parser.parse_model(_DETECTOR).SerializeToString())
    return path
