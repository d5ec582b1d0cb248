"""Label summary: what a labelling run has found in each clip, and what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from distill.cli.columns import print_columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distill.label.annotations import LabelledClip
    from distill.label.settings import Settings


def print_summary(clips: Sequence[LabelledClip], settings: Settings, folder: Path) -> None:
    """Print a table of the clips, and where to look."""
    from distill.label.bands import BANDS

    names: list[str] = []
    counts: list[list[int]] = []
    for clip in clips:
        bands = Counter(one.band for image in clip.images for one in image.annotations)
        tracks = {one.track_id for image in clip.images for one in image.annotations} - {None}
        dropped = clip.entry.dropped
        names.append(clip.entry.name)
        counts.append(
            [
                clip.entry.seen,
                len(clip.images),
                dropped.get("near-duplicate", 0),
                dropped.get("blurred", 0),
                dropped.get("damaged", 0),
                len(tracks),
                *(bands[band] for band in BANDS),
            ]
        )
    head = ["clip", "frames", "labelled", "same", "blurred", "damaged", "tracks", *BANDS]
    rows = [[name, *row] for name, row in zip(names, counts, strict=True)]
    print_columns([head, *rows, ["all", *map(sum, zip(*counts, strict=True))]])
    print()
    print(f"labels: {folder / 'annotations.json'}")
    print(f"next: look at every page in {folder / 'sheets'}")
    review = folder / "review.json"
    if review.exists():
        print(
            "then: correct what is doubtful, which counts neither way until you do: "
            f"sfumato-distill labels export {shlex.quote(str(review))} --format cvat --out for-cvat"
        )
    if settings.val_share and not (folder / "val.json").exists():
        print(
            "no val.json: there is one clip, and frames of one must not be in both parts; to hold "
            f"out its end: sfumato-distill labels split {shlex.quote(str(folder))}"
        )
