"""Networks of Ultralytics, built without a file."""

import distill.quiet  # noqa: F401 before anything of theirs

# isort: split
import numpy as np
import torch
from ultralytics.nn.tasks import DetectionModel, SegmentationModel

from models.coco_names import COCO_NAMES


def build(name, classes):
    """An untrained network of this name, such as yolov8n-seg."""
    torch.manual_seed(0)
    kind = SegmentationModel if name.endswith("-seg") else DetectionModel
    model = kind(f"{name}.yaml", nc=len(classes), verbose=False).eval()
    model.names = dict(enumerate(classes))
    return model


def write_coco_weights(data, path, *, rounded_bins=False):
    """YOLOv8n-seg as a `.pt` of theirs, with COCO's weights.

    The file's bins were rounded to eighths, as in the ONNX files beside it; they are no weights, but
    0, 1, ..., 15, unless somebody wants what those files have.
    """
    model = build("yolov8n-seg", COCO_NAMES).fuse(verbose=False)
    with np.load(data / "weights" / "coco-yolov8n-seg-fused.npz") as file:
        model.load_state_dict({key: torch.from_numpy(file[key]) for key in file.files})
    if not rounded_bins:
        bins = model.model[-1].dfl.conv.weight
        bins.data = torch.arange(bins.numel(), dtype=bins.dtype).reshape(bins.shape)
    torch.save({"model": model, "ema": None}, path)
