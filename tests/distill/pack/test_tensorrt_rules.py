"""Each rule of TensorRT's parser has a graph that breaks it; what we export breaks none."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

from distill.pack.tensorrt_rules import check_tensorrt, findings
from models.errors import ModelError

IMAGE = (1, 8, 4, 4)


def array(name, values, kind=np.float32):
    return numpy_helper.from_array(np.asarray(values, kind), name)


def graph(*nodes, constants=(), size=IMAGE, opset=18, output="y", domains=()):
    """A file of these nodes, from `x` to `y`."""
    ends = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "rules",
        [ends("x", TensorProto.FLOAT, size)],
        [ends(output, TensorProto.FLOAT, None)],
        constants,
    )
    opsets = [helper.make_opsetid(*each) for each in [("", opset), *domains]]
    return helper.make_model(made, opset_imports=opsets).SerializeToString()


def node(kind, inputs, outputs=("y",), **attributes):
    return helper.make_node(kind, inputs, outputs, name=kind.lower(), **attributes)


def quantised(scale=0.1, zero=0, kind=np.int8, *, also=(), **more):
    """`x`, quantised and dequantised."""
    constants = [array("s", scale), array("z", zero, kind), *also]
    pair = (
        node("QuantizeLinear", ["x", "s", "z"], ["q"], **more),
        node("DequantizeLinear", ["q", "s", "z"], **more),
    )
    return graph(*pair, constants=constants)


RELU = node("Relu", ["x"])
SCALES = array("scales", [1, 1, 2, 2])
BIAS = array("b", np.ones(8), np.int32)

BROKEN = {
    "a newer opset": (graph(RELU, opset=25), "opset 9 to 20: opset 25"),
    "an older opset": (graph(RELU, opset=8), "opset 9 to 20: opset 8"),
    "a foreign operator": (
        graph(node("Gelu", ["x"], domain="com.microsoft"), domains=[("com.microsoft", 1)]),
        "ONNX's own: imports com.microsoft, Gelu gelu of com.microsoft;",
    ),
    "an import that nothing uses": (
        graph(RELU, domains=[("com.microsoft.nchwc", 1)]),
        "ONNX's own: imports com.microsoft.nchwc;",
    ),
    "an input of any size": (
        graph(RELU, size=(1, 8, "height", 4)),
        "lists its sizes: axis 2 of x (height);",
    ),
    "an operator that is not in the list": (
        graph(node("Hardmax", ["x"])),
        "in the parser's list: Hardmax hardmax;",
    ),
    "a choice among results": (
        graph(
            node("TopK", ["x", "k"], ["y", "i"]),
            constants=[array("k", [2], np.int64)],
        ),
        "chooses among its results, which TensorRT 10.3 can't build in INT8: TopK topk;",
    ),
    "a zero point of uint8": (
        quantised(kind=np.uint8),
        "int8 and 0: QuantizeLinear quantizelinear is uint8, DequantizeLinear dequantizelinear",
    ),
    "a zero point that is not 0": (quantised(zero=3), "quantizelinear is not 0"),
    "no zero point": (
        graph(
            node("QuantizeLinear", ["x", "s"], ["q"]),
            node("DequantizeLinear", ["q", "s"]),
            constants=[array("s", 0.1)],
        ),
        "quantizelinear has none",
    ),
    "a bias of int32": (
        graph(
            node("DequantizeLinear", ["b", "s", "z"], ["f"]),
            node("Mul", ["x", "f"]),
            constants=[BIAS, array("s", 0.1), array("z", 0, np.int32)],
        ),
        "int32 is not dequantised: DequantizeLinear dequantizelinear;",
    ),
    "a scale that is computed": (
        graph(
            node("ReduceMax", ["x"], ["s"], keepdims=0),
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"]),
            constants=[array("z", 0, np.int8)],
        ),
        "constants above 0, one for what is computed: QuantizeLinear quantizelinear computes it",
    ),
    "a scale of 0": (quantised(0.0), "quantizelinear is not above 0"),
    "a scale a channel of what is computed": (
        quantised(np.full(8, 0.1), np.zeros(8), axis=1),
        "quantizelinear has 8 for what is computed",
    ),
    "quantised and left so": (
        graph(
            node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("Relu", ["q"]),
            constants=[array("s", 0.1), array("z", 0, np.int8)],
        ),
        "before anything else reads it: QuantizeLinear quantizelinear goes to Relu relu;",
    ),
    "a quantised output": (
        graph(
            node("QuantizeLinear", ["x", "s", "z"]),
            constants=[array("s", 0.1), array("z", 0, np.int8)],
        ),
        "quantizelinear is an output",
    ),
    "a cubic resize": (
        graph(node("Resize", ["x", "", "scales"], mode="cubic"), constants=[SCALES]),
        "Resize resize has mode cubic;",
    ),
    "a resize that smooths": (
        graph(node("Resize", ["x", "", "scales"], mode="linear", antialias=1), constants=[SCALES]),
        "Resize resize has antialias 1;",
    ),
    "a pool that gives indices": (
        graph(node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2])),
        "MaxPool maxpool gives indices;",
    ),
    "a dilated pool": (
        graph(node("MaxPool", ["x"], kernel_shape=[2, 2], dilations=[2, 2])),
        "MaxPool maxpool is dilated;",
    ),
    "a constant in double precision": (
        graph(
            node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE),
            node("Mul", ["d", "two"]),
            constants=[array("two", 2, np.float64)],
        ),
        "int64 or bool: two is double, Cast cast makes double;",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_rule_is_broken_and_says_where_and_what_to_do(broken):
    model, says = BROKEN[broken]
    (found,) = findings(model)
    assert says in found.line
    assert found.line.endswith(f"; {found.remedy}")
    with pytest.raises(ModelError, match=r"^TensorRT's parser would refuse the file: ") as raised:
        check_tensorrt(model)
    assert found.line in str(raised.value)


def test_what_is_in_a_branch_is_looked_at():
    ends = helper.make_tensor_value_info
    then, other = (
        helper.make_graph(
            [helper.make_node(kind, ["x"], [kind], name=kind)],
            kind,
            [],
            [ends(kind, TensorProto.FLOAT, IMAGE)],
        )
        for kind in ("Hardmax", "Relu")
    )
    model = graph(
        node("If", ["c"], then_branch=then, else_branch=other),
        constants=[array("c", True, np.bool_)],
    )
    assert [found.broken for found in findings(model)] == [("Hardmax Hardmax",)]


def test_sizes_that_the_bundle_lists_may_vary():
    model = graph(RELU, size=("batch", 8, "height", "width"))
    assert findings(model, varying={0, 2, 3}) == ()
    assert findings(model, varying={2, 3})[0].broken == ("axis 0 of x (batch)",)


def test_many_are_one_line():
    nodes = [node("Hardmax", ["x"], [f"y{i}"]) for i in range(9)]
    (found,) = findings(graph(*nodes, output="y0"))
    assert ": Hardmax hardmax, Hardmax hardmax, Hardmax hardmax and 6 more; " in found.line


def test_of_many_rules_the_first_is_told_and_the_others_are_counted():
    model = graph(node("Hardmax", ["x"]), opset=25, size=(1, 8, 4, "w"))
    with pytest.raises(ModelError, match=r"opset 25; .* \(2 other rules are broken, too\)$"):
        check_tensorrt(model)


@pytest.mark.parametrize("size", [320, 640])
def test_an_export_of_a_segmenting_network_breaks_none(data, size):
    assert findings((data / "weights" / f"coco-yolov8n-seg-{size}.onnx").read_bytes()) == ()


def test_a_detector_with_suppression_inside_is_refused_in_words(data):
    found = findings((data / "weights" / "rtmdet-nano-person.onnx").read_bytes())
    sizes, choosing = found
    assert len(sizes.broken) == 3
    assert any(each.startswith("NonMaxSuppression") for each in choosing.broken)


def test_dynamic_int8_is_refused_in_words(data):
    model = (data / "weights" / "coco-yolov8n-seg-320-int8dyn.onnx").read_bytes()
    kinds = [each.partition(" ")[0] for each in findings(model)[0].broken]
    assert (kinds.count("DynamicQuantizeLinear"), kinds.count("ConvInteger")) == (67, 76)
    with pytest.raises(ModelError, match="quantise with `sfumato-distill quantize`"):
        check_tensorrt(model)


class Grey(CalibrationDataReader):
    def __init__(self):
        self.left = [{"images": np.full((1, 3, 320, 320), 0.5, np.float32)}]

    def get_next(self):
        return self.left.pop() if self.left else None


@pytest.mark.slow
def test_onnx_runtimes_own_int8_is_refused_in_words(data, tmp_path):
    model = data / "weights" / "coco-yolov8n-seg-320.onnx"
    quantize_static(
        model, tmp_path / "int8.onnx", Grey(), quant_format=QuantFormat.QDQ, per_channel=True
    )
    quantised_model = (tmp_path / "int8.onnx").read_bytes()
    by_rule = {found.rule.partition(",")[0]: found.broken for found in findings(quantised_model)}
    biased = [
        each for each in onnx.load(model).graph.node if "Conv" in each.op_type and each.input[2:]
    ]
    assert len(by_rule["a bias is float"]) == len(biased)
    assert "is not 0" in " ".join(by_rule["zero points are int8 and 0"])
