"""Validator: Ultralytics' own; a picture that can't be written is said with its name, at once."""

from __future__ import annotations

from typing import Any

import torch
from ultralytics.models.yolo.segment import SegmentationValidator
from ultralytics.utils.ops import xyxy2xywh
from ultralytics.utils.plotting import plot_images

from distill.files import writing


class StudentValidator(SegmentationValidator):
    """Draws here, where theirs draws in a thread, whose faults nobody hears of."""

    def plot_val_samples(self, batch: dict[str, Any], ni: int) -> None:
        """The images of a batch with their labels."""
        self._draw(f"val_batch{ni}_labels.jpg", batch, labels=batch)

    def plot_predictions(
        self,
        batch: dict[str, Any],
        preds: list[dict[str, Any]],
        ni: int,
        max_det: int | None = None,
    ) -> None:
        """The images of a batch with what was found in each."""
        if not preds:
            return
        most = max_det or self.args.max_det
        for number, found in enumerate(preds):
            found["batch_idx"] = torch.full_like(found["conf"], number)
        labels = {key: torch.cat([found[key][:most] for found in preds]) for key in preds[0]}
        labels["bboxes"] = xyxy2xywh(labels["bboxes"])
        labels["masks"] = labels["masks"].to("cpu", torch.uint8)
        self._draw(f"val_batch{ni}_pred.jpg", batch, images=batch["img"], labels=labels)

    def get_stats(self) -> dict[str, Any]:
        """The figures, and their curves."""
        with writing(self.save_dir / "BoxPR_curve.png"):  # or one of the others
            return dict(super().get_stats())

    def _draw(self, name: str, batch: dict[str, Any], **what: Any) -> None:
        path = self.save_dir / name
        with writing(path):
            plot_images(
                paths=batch["im_file"],
                fname=path,
                names=self.names,
                on_plot=self.on_plot,
                threaded=False,
                **what,
            )
