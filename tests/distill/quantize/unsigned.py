"""TensorRT's file as another that must compute the same."""

import numpy as np
import onnx
from onnx import numpy_helper


def as_unsigned(model):
    """A file of int8 around 0, its activations stored as uint8 around 128: the same numbers."""
    proto = onnx.load_from_string(model)
    ends = {node.input[2] for node in proto.graph.node if node.op_type == "QuantizeLinear"}
    for tensor in proto.graph.initializer:
        if tensor.name in ends:
            assert numpy_helper.to_array(tensor) == 0
            tensor.CopyFrom(numpy_helper.from_array(np.array(128, np.uint8), tensor.name))
    return proto.SerializeToString()
