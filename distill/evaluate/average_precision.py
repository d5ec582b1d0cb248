"""Average precision the way COCO counts it, by faster-coco-eval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from faster_coco_eval import COCO, COCOeval_faster

from distill.data import rle as run_length
from distill.evaluate.predictions import xywh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.data.record import ImageRecord
    from distill.evaluate.predictions import Kind, Prediction

_COCO_KIND = {"mask": "segm", "box": "bbox"}
_SIZES = ("all", "small", "medium", "large")
_AT_50, _AT_75 = 0, 5
"""Places of these thresholds among COCO's ten, 0.5 to 0.95."""

RECALLS = np.linspace(0, 1, 101)
"""Where COCO looks at the precision."""


@dataclass(frozen=True)
class Quality:
    """Average precision of boxes or of masks; NaN where there is no object to find.

    Attributes:
        ap: mean over IoU 0.50, 0.55, ... 0.95 and over classes.
        ap50: at IoU 0.50.
        ap75: at IoU 0.75.
        small: objects under 32² pixels.
        medium: from 32² to 96².
        large: beyond.
        class_ap: `ap` of each class.
        class_ap50: `ap50` of each class.
        precision: [classes, 101], at IoU 0.50 for each of `RECALLS`.
    """

    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    class_ap: tuple[float, ...]
    class_ap50: tuple[float, ...]
    precision: npt.NDArray[np.float64]


def quality(
    classes: Sequence[str],
    records: Sequence[ImageRecord],
    predictions: Sequence[Sequence[Prediction]],
    kind: Kind,
) -> Quality:
    """Compare predictions, one list an image, with what is true.

    Regions to ignore take in any number of predictions, which then count neither way.
    """
    truth = COCO(_truth(classes, records))
    found = truth.loadRes(_found(predictions, kind))
    judge = COCOeval_faster(truth, found, _COCO_KIND[kind])
    judge.evaluate()
    judge.accumulate()
    # [IoU, recall, class, size, most predictions]; -1 where there is nothing to find.
    table = np.asarray(judge.eval["precision"], np.float64)[..., -1]
    table = np.where(table < 0, np.nan, table)
    whole = table[..., 0]
    return Quality(
        _mean(whole),
        _mean(whole[_AT_50]),
        _mean(whole[_AT_75]),
        _mean(table[..., _SIZES.index("small")]),
        _mean(table[..., _SIZES.index("medium")]),
        _mean(table[..., _SIZES.index("large")]),
        tuple(_mean(whole[..., i]) for i in range(len(classes))),
        tuple(_mean(whole[_AT_50, :, i]) for i in range(len(classes))),
        whole[_AT_50].T,
    )


def _truth(classes: Sequence[str], records: Sequence[ImageRecord]) -> dict[str, Any]:
    """The data set as faster-coco-eval wants it: images numbered anew from 1."""
    annotations = [
        {
            "image_id": number,
            "category_id": annotation.class_id + 1,
            "bbox": xywh(annotation.box),
            "area": run_length.area(annotation.rle),
            "segmentation": annotation.rle.to_json(),
            "iscrowd": int(annotation.ignore),
        }
        for number, record in enumerate(records, start=1)
        for annotation in record.annotations
    ]
    return {
        "images": [
            {"id": number, "width": record.width, "height": record.height}
            for number, record in enumerate(records, start=1)
        ],
        "annotations": [{"id": i, **record} for i, record in enumerate(annotations, start=1)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes, start=1)],
    }


def _found(predictions: Sequence[Sequence[Prediction]], kind: Kind) -> list[dict[str, Any]]:
    return [
        {
            "image_id": number,
            "category_id": prediction.class_id + 1,
            "score": prediction.score,
            # With both, the library would take the area of a prediction from its box.
            **(
                {"segmentation": prediction.rle.to_json()}
                if kind == "mask" and prediction.rle is not None
                else {"bbox": xywh(prediction.box)}
            ),
        }
        for number, of_image in enumerate(predictions, start=1)
        for prediction in of_image
    ]


def _mean(values: npt.NDArray[np.float64]) -> float:
    """The mean of what is there; NaN of nothing, without a warning."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
