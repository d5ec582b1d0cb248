"""Networks of Ultralytics, built without a file."""

import os

import PIL.Image
import torch

os.environ["YOLO_OFFLINE"] = "true"  # read when Ultralytics is first imported
os.environ["YOLO_AUTOINSTALL"] = "false"


def build(name, classes):
    """An untrained network of this name, such as yolov8n-seg."""
    opens = PIL.Image.open
    from ultralytics.nn.tasks import DetectionModel, SegmentationModel

    PIL.Image.open = opens  # it puts in its own, which every other test would then see
    torch.manual_seed(0)
    kind = SegmentationModel if name.endswith("-seg") else DetectionModel
    model = kind(f"{name}.yaml", nc=len(classes), verbose=False).eval()
    model.names = dict(enumerate(classes))
    return model
