"""RTMDet-Ins as a predictor and a teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from distill.device import device_of
from distill.predict.hooks import tap
from distill.predict.predictor import Dense
from models.decode.rtmdet_ins import RtmdetInsDecoder, input_spec
from models.nets.dynamic import mask_logits
from models.nets.fusion import fused
from models.nets.priors import priors
from models.nets.sizes import STRIDES
from models.preprocess import preprocess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from distill.predict.predictor import Image
    from models.instances import Instances
    from models.nets.checkpoint import Checkpoint
    from models.nets.head import RawOutputs
    from models.nets.rtmdet_ins import RTMDetIns


class RtmdetTeacher:
    """One network in eval mode, its batch norms folded; a `distill.predict.predictor.Teacher`."""

    def __init__(
        self, checkpoint: Checkpoint, *, image_size: int | None = None, device: str = "auto"
    ) -> None:
        """Build it.

        Args:
            checkpoint: the weights.
            image_size: side of the square that images are fitted into, pixels, a multiple of 32;
                None for the one that the weights are meant for.
            device: see `device_of`.

        Raises:
            UsageError: there is no such device.
        """
        self.name = f"rtmdet-ins-{checkpoint.size}"
        self.sha256 = checkpoint.sha256
        self.classes = checkpoint.classes
        self._device = device_of(device)
        self._spec = input_spec(image_size or checkpoint.image_size)
        self._decoder = RtmdetInsDecoder(self._spec, len(self.classes))
        # Channels last: a quarter faster on a CPU (tiny, 640 px: 89 ms in place of 132).
        self._net = fused(checkpoint.net()).to(self._device).to(memory_format=torch.channels_last)
        # Mean and std are of BGR from 0 to 255.
        self._mean, self._std = (
            torch.tensor(values, device=self._device)[:, None, None]
            for values in (self._spec.mean, self._spec.std)
        )

    def predict(self, images: Sequence[Image], *, min_score: float) -> list[Instances]:
        """Instances of each RGB uint8 [h, w, 3] image, in its own pixels, best score first."""
        if not images:
            return []
        inputs, fits = zip(*(preprocess(image, self._spec) for image in images), strict=True)
        with torch.inference_mode():
            raw = self._net(torch.from_numpy(np.concatenate(inputs)).to(self._device))
        outputs = [output.numpy(force=True) for output in in_order(raw)]
        return [
            self._decoder.decode(
                [output[i : i + 1] for output in outputs], fit, min_score=min_score
            )
            for i, fit in enumerate(fits)
        ]

    def dense(self, batch: Tensor) -> Dense:
        """Raw predictions for RGB float [B, 3, H, W] from 0 to 1; H and W are multiples of 32."""
        with torch.no_grad():  # not inference_mode: a loss may keep these for its gradient
            bgr = (batch.to(self._device).flip(1) * 255 - self._mean) / self._std
            last = features_of(self._net)
            with tap(last) as before_norm:
                raw = self._net(bgr)
            return dense_of([before_norm[conv] for conv in last], raw)


def features_of(net: RTMDetIns) -> list[nn.Module]:
    """The modules whose outputs are the features of `Dense`: the neck's last convolutions.

    They are taken before BatchNorm and activation.
    """
    return [cast("nn.Module", module.conv) for module in net.neck.out_convs]


def dense_of(features: Sequence[Tensor], raw: RawOutputs) -> Dense:
    """Raw outputs as `Dense`; gradients stay where there are any.

    Args:
        features: outputs of `features_of`, level by level.
        raw: of the same batch.
    """
    # Half precision would move a corner at 640 px by two.
    dtype = torch.promote_types(raw.mask_features.dtype, torch.float32)
    by_level = [
        priors((level.shape[2], level.shape[3]), stride, level.device, dtype)
        for level, stride in zip(raw.distances, STRIDES, strict=True)
    ]
    boxes = tuple(map(_boxes, raw.distances, by_level))
    kernels = torch.cat([level.flatten(2) for level in raw.kernels], dim=2)
    every_prior = torch.cat(by_level)

    def draw(image: int, anchors: Tensor) -> Tensor:
        return mask_logits(
            raw.mask_features[image], kernels[image, :, anchors].T, every_prior[anchors]
        )

    return Dense(STRIDES, tuple(features), raw.class_logits, boxes, STRIDES[0], draw)


def in_order(raw: RawOutputs) -> tuple[Tensor, ...]:
    """The ten outputs in the order that the decoder and an export have them."""
    return (*raw.class_logits, *raw.distances, *raw.kernels, raw.mask_features)


def _boxes(distances: Tensor, points: Tensor) -> Tensor:
    """[B, 4, h, w] distances from their cells' corners to x0 y0 x1 y1."""
    x, y = (points[:, i].reshape(distances.shape[2:]) for i in range(2))
    left, top, right, bottom = distances.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], dim=1)
