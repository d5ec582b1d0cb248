"""The peer: blur people in every frame with Ultralytics, as its users write it.

Runs by itself, under any Python that has ultralytics and av:
`ultralytics_loop.py IN OUT MODEL WxH (x264|mp4v) STRIDE (blur|paint)`. x264 with the settings that
Sfumato has makes the same file; OpenCV's own `mp4v` is what most tutorials show, a larger file of
an older codec that costs less. Of every STRIDE-th frame the boxes are asked for, and held until the
next, as their `vid_stride` suggests. To see what boxes leave bare they can be painted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from fractions import Fraction

import av
import cv2

# Nothing of ours is imported here; it is to be as silent all the same.
os.environ |= {"ORT_DISABLE_TELEMETRY": "1", "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

# isort: split
from ultralytics import YOLO

PERSON = 0
MAGENTA = (255, 0, 255)


class OpenCvWriter:
    """What `cv2.VideoWriter` writes without being told more."""

    def __init__(self, target: str, rate: float, size: tuple[int, int]) -> None:
        self._writer = cv2.VideoWriter(target, cv2.VideoWriter_fourcc(*"mp4v"), rate, size)

    def write(self, frame: cv2.typing.MatLike) -> None:
        """Encode a BGR image."""
        self._writer.write(frame)

    def release(self) -> None:
        """End the file."""
        self._writer.release()


class X264Writer:
    """The same with PyAV and x264."""

    def __init__(self, target: str, rate: float, size: tuple[int, int]) -> None:
        self._container = av.open(target, "w")
        self._stream = self._container.add_stream(
            "libx264",
            rate=Fraction(rate).limit_denominator(1001),
            options={"crf": "23", "preset": "veryfast"},
        )
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"

    def write(self, frame: cv2.typing.MatLike) -> None:
        """Encode a BGR image."""
        self._container.mux(self._stream.encode(av.VideoFrame.from_ndarray(frame, "bgr24")))

    def release(self) -> None:
        """End the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def main() -> None:
    """Blur, then print the frames and the seconds that all but the first took, as JSON."""
    source, target, file, shape, encoder, stride, effect = sys.argv[1:]
    model = YOLO(file, task="segment")
    width, height = map(int, shape.split("x"))
    capture = cv2.VideoCapture(source)
    size = (
        int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
        int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
    )
    kind = X264Writer if encoder == "x264" else OpenCvWriter
    writer = kind(target, capture.get(cv2.CAP_PROP_FPS), size)
    frames, began, boxes = 0, 0.0, []
    while True:
        going_on, frame = capture.read()
        if not going_on:
            break
        if frames % int(stride) == 0:
            result = model.predict(
                frame, imgsz=[height, width], conf=0.25, classes=[PERSON], verbose=False
            )
            boxes = result[0].boxes.xyxy.int().tolist()
        for x0, y0, x1, y1 in boxes:
            part = frame[y0:y1, x0:x1]
            frame[y0:y1, x0:x1] = MAGENTA if effect == "paint" else cv2.blur(part, (51, 51))
        writer.write(frame)
        frames += 1
        if frames == 1:  # the network is loaded with the first frame
            began = time.perf_counter()
    capture.release()
    writer.release()
    print(json.dumps({"frames": frames, "steady_s": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
