"""A small batch of raw outputs and targets; run as a program, it is one process of two."""

import sys

import torch
from torch import distributed

from distill.rtmdet.criterion import Criterion, Targets
from models.nets.head import RawOutputs
from models.nets.sizes import STRIDES

SIZE = 64
CLASSES = 2


def raw_outputs(images=2):
    """What a network might give for images of 64 px, in float64, of seed 0."""
    random = torch.Generator().manual_seed(0)

    def maps(channels):
        return tuple(
            torch.randn(2, channels, SIZE // s, SIZE // s, generator=random, dtype=torch.float64)
            for s in STRIDES
        )

    logits, kernels = maps(CLASSES), maps(169)
    distances = tuple((x.abs() + 0.5) * s for x, s in zip(maps(4), STRIDES, strict=True))
    features = maps(8)[0]
    raw = RawOutputs(logits, distances, tuple(0.3 * x for x in kernels), features)
    return only(raw, slice(images))


def only(raw, images):
    """The raw outputs of some images, as leaves of their own."""

    def leaf(x):
        return x.detach()[images].clone().requires_grad_()

    levels = (tuple(map(leaf, level)) for level in raw[:3])
    return RawOutputs(*levels, leaf(raw.mask_features))


def leaves(raw):
    return [*raw.class_logits, *raw.distances, *raw.kernels, raw.mask_features]


def rectangles(*boxes, labels=None, ignore=None):
    """Objects that fill their boxes."""
    masks = torch.zeros(len(boxes), SIZE, SIZE, dtype=torch.bool)
    for mask, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        mask[y0:y1, x0:x1] = True
    return Targets(
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(labels or [0] * len(boxes), dtype=torch.long),
        masks,
        ignore,
    )


def targets():
    """Two images, one with more objects than the other."""
    return [
        rectangles((4, 4, 60, 60), labels=[1]),
        rectangles((2, 3, 30, 40), (20, 20, 63, 50), (40, 5, 61, 33), labels=[0, 1, 1]),
    ]


def gradients(raw, seen):
    sum(Criterion()(raw, seen).values()).backward()
    return [leaf.grad for leaf in leaves(raw)]


def main():
    rank, store, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    raw = only(raw_outputs(), slice(rank, rank + 1))
    torch.save(gradients(raw, [targets()[rank]]), result)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
