"""Provenance: where a data set's labels come from, for the `info` of its files.

Neither times nor folders are in it: the same clips, labelled twice, give the same bytes.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from distill.label.entries import ClipEntry
    from distill.label.progress_log import ProgressLog
    from distill.label.settings import Settings


def provenance(
    settings: Settings, clips: Sequence[ClipEntry], held_out: Collection[str], log: ProgressLog
) -> dict[str, Any]:
    """Teacher, thresholds, tool, classes, what became of each clip, and how many stills there are."""
    chosen = settings.to_json()
    return {
        "description": "clips labelled by a teacher",
        "tool": f"sfumato-distill label {version('sfumato')}",
        "teacher": {"name": chosen.pop("teacher"), "sha256": chosen.pop("teacher_sha256")},
        "classes": chosen.pop("classes"),
        "settings": {key: value for key, value in chosen.items() if key != "format"},
        "clips": [
            {
                "name": clip.name,
                "file": clip.file,
                "sha256": clip.sha256,
                "split": "val" if clip.sha256 in held_out else "train",
                "frames_seen": clip.seen,
                "frames_labelled": len(clip.moments or ()),
                "frames_dropped": clip.dropped,
                "problem": clip.problem,
            }
            for clip in clips
        ],
        **({"stills": len(log.stills)} if log.stills else {}),
        "not_decoded": [{**failed, "sha256": sha256} for sha256, failed in log.failed.items()],
    }
