"""A world of coloured shapes: clips of them, and a teacher that sees exactly those.

Run as a program it labels clips, and stops itself before a batch, for a test to kill it then:
`python blobs.py DATASET BATCH CLIP...`, with 0 for none
"""

import os
import signal
import sys
from pathlib import Path

import av
import cv2
import numpy as np

from distill.cli.label import label
from distill.label.settings import Settings
from models.instances import Instances, Mask

RED, BLUE = (220, 30, 30), (30, 30, 220)
SIZE = 128, 96


class BlobTeacher:
    """Sees what is strongly red as a ball, what is strongly blue as a box.

    `score` is of a ball by where its left edge is; boxes score 0.9. What scores less than is
    asked for is not said.
    """

    name = "blobs"
    sha256 = "ab" * 32
    classes = ("box", "ball")

    def __init__(self, score=lambda _: 0.9, halts_before=0):
        self.asked = 0
        self._score, self._left = score, halts_before

    def predict(self, images, *, min_score):
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        return [self._seen(image.astype(int), min_score) for image in images]

    def _seen(self, image, min_score):
        self.asked += 1
        boxes, scores, classes, masks = [], [], [], []
        for class_id, channel in ((1, 0), (0, 2)):
            rest = np.delete(image, channel, axis=2).max(axis=2)
            count, parts, places, _ = cv2.connectedComponentsWithStats(
                ((image[..., channel] - rest) > 90).astype(np.uint8)
            )
            for i in range(1, count):
                x, y, wide, high, area = map(int, places[i])
                score = self._score(x) if class_id else 0.9
                if area < 20 or score < min_score:
                    continue
                boxes.append((x, y, x + wide, y + high))
                scores.append(score)
                classes.append(class_id)
                inside = parts[y : y + high, x : x + wide] == i
                masks.append(Mask(x, y, inside.astype(np.uint8) * 255))
        return Instances(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.array(classes, np.int64),
            tuple(masks),
        )


def ground(seed=0):
    """A grey textured wall that is like no other seed's."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (12, 16), np.uint8)
    grey = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_LINEAR)
    return np.repeat(grey[..., None], 3, axis=2)


def scene(index, seed=0, ball=True, box=True):
    """One picture: a ball that runs to the right, a box that sinks."""
    image = ground(seed)
    if ball:
        cv2.circle(image, (20 + 2 * index, 40), 12, RED, -1)
    if box:
        cv2.rectangle(image, (90, 10 + index), (110, 30 + index), BLUE, -1)
    return image


def write_clip(path, images, **options):
    """An MP4 of these pictures, 25 a second."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", 25)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        stream.options = {"crf": "10", "preset": "ultrafast", "g": "8"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_interlaced(path):
    """An MP4 of pictures in two fields each, of two moments, the lower field's first."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"flags": "+ilme+ildct", "crf": "10"}
        for index in range(8):
            image = scene(4 * index + 2)
            image[1::2] = scene(4 * index)[1::2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def doubtful(x):
    """A score that wavers from frame to frame."""
    return 0.4 if x // 4 % 5 == 0 else 0.9


def settings(**changes):
    return Settings(BlobTeacher.name, BlobTeacher.sha256, ("ball", "box"), **changes)


def main(argv):
    folder, batch, *clips = argv
    teacher = BlobTeacher(doubtful, int(batch))
    return label([Path(clip) for clip in clips], teacher, settings(), Path(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
