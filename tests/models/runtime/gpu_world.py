"""A simulated GPU with TensorRT on it, and networks to run there."""

import gc
from contextlib import contextmanager

import numpy as np
from onnx import TensorProto, helper
from simulated_cuda import SimulatedCuda
from simulated_tensorrt import SimulatedTensorRt

from models.runtime.cuda.owner import CudaGpu
from models.runtime.tensorrt import TensorRtNetwork
from models.runtime.tensorrt_build import build

SIZE = (64, 32)


def image_network(shape=(1, 3, 32, 64), *, dtype="FLOAT", inputs=1):
    """ONNX of a network with outputs `twice`, the image twice as bright, and `mean` by channel."""
    kind = getattr(TensorProto, dtype)
    images = [helper.make_tensor_value_info(f"image{i}", kind, shape) for i in range(inputs)]
    nodes = [
        helper.make_node("Add", ["image0", "image0"], ["twice"]),
        helper.make_node("ReduceMean", ["image0"], ["mean"], axes=[2, 3], keepdims=0),
    ]
    outputs = [
        helper.make_tensor_value_info("twice", kind, shape),
        helper.make_tensor_value_info("mean", kind, shape[:2]),
    ]
    graph = helper.make_graph(nodes, "image", images, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model.SerializeToString()


class TensorRtWorld:
    """A machine with a GPU that is open, and TensorRT."""

    def __init__(self, *, limit_s=60.0):
        self.cuda = SimulatedCuda()
        self.tensorrt = SimulatedTensorRt(self.cuda)
        self.gpu = CudaGpu(self._no_kernels, driver=self.cuda, limit_s=limit_s)

    def _no_kernels(self, capability):
        raise AssertionError(f"kernels for {capability} were asked for")

    def plan(self, onnx=None, sizes=(SIZE,), batch=1, **how):
        how = {"workspace_bytes": 1 << 20, "progress": lambda *_: None} | how
        how = {"cancelled": lambda: False, "library": self.tensorrt} | how
        return build(onnx or image_network(), sizes, batch=batch, **how)

    def network(self, plan=None, **how):
        how = {"precision": "fp32", "library": self.tensorrt} | how
        return TensorRtNetwork(plan or self.plan(), self.gpu, **how)

    def close(self):
        """No rule may have been broken, and nothing is left."""
        self.gpu.close()
        gc.collect()
        self.cuda.check()


@contextmanager
def tensorrt_world(**how):
    world = TensorRtWorld(**how)
    try:
        yield world
    finally:
        world.close()


def images(count=1, width=SIZE[0], height=SIZE[1], seed=0):
    return np.random.default_rng(seed).random((count, 3, height, width), np.float32)
