"""Every place in an ONNX file where a tensor may stand, each in a file of its own."""

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

LOCATION = "w.data"
VALUES = np.arange(300, dtype=np.float32).reshape(3, 100)


def outside(name="w", **entries):
    """A tensor whose values lie in another file."""
    tensor = TensorProto(name=name, dims=VALUES.shape, data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in ({"location": LOCATION} | entries).items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def inside(name="w"):
    """The same tensor, with its values."""
    return numpy_helper.from_array(VALUES, name)


def model_of(graph=None, **parts):
    graph = graph or helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], **parts)


def _graph(**parts):
    return helper.make_graph([], "inner", [], [], **parts)


def _with_attribute(**value):
    model = model_of()
    model.graph.node[0].attribute.add(name="a", **value)
    return model


def _initializer(tensor):
    model = model_of()
    model.graph.initializer.append(tensor)
    return model


def _sparse(tensor):
    return onnx.SparseTensorProto(values=tensor, dims=[300])


def _sparse_indices(tensor):
    return onnx.SparseTensorProto(values=numpy_helper.from_array(VALUES), indices=tensor)


def _sparse_initializer(tensor):
    model = model_of()
    model.graph.sparse_initializer.append(_sparse(tensor))
    return model


def _function(tensor):
    model = model_of()
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    opset = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("ours", "F", [], ["c"], [node], opset))
    return model


def _function_default(tensor):
    model = _function(inside())
    default = AttributeProto(name="d", type=AttributeProto.TENSOR, t=tensor)
    model.functions[0].attribute_proto.append(default)
    return model


def _training(tensor):
    model = model_of()
    model.training_info.add().algorithm.initializer.append(tensor)
    return model


def _two_graphs_deep(tensor):
    inner = _graph(initializer=[tensor])
    branch = helper.make_graph([helper.make_node("If", ["c"], [], then_branch=inner)], "b", [], [])
    return _with_attribute(g=branch, type=AttributeProto.GRAPH)


PLACES = {
    "initializer": _initializer,
    "sparse initializer": _sparse_initializer,
    "constant": lambda t: _with_attribute(t=t, type=AttributeProto.TENSOR),
    "list of constants": lambda t: _with_attribute(
        tensors=[inside("first"), t], type=AttributeProto.TENSORS
    ),
    "sparse constant": lambda t: _with_attribute(
        sparse_tensor=_sparse(t), type=AttributeProto.SPARSE_TENSOR
    ),
    "indices of a sparse constant": lambda t: _with_attribute(
        sparse_tensors=[_sparse_indices(t)], type=AttributeProto.SPARSE_TENSORS
    ),
    "subgraph": lambda t: _with_attribute(g=_graph(initializer=[t]), type=AttributeProto.GRAPH),
    "list of subgraphs": lambda t: _with_attribute(
        graphs=[_graph(), _graph(initializer=[t])], type=AttributeProto.GRAPHS
    ),
    "subgraph of a subgraph": _two_graphs_deep,
    "function": _function,
    "default of a function": _function_default,
    "training": _training,
}
"""Makes a model of a tensor that stands there."""
