"""Verdict: what was measured of each file, held against its bounds, and what of it is written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from distill.errors import InputError
from distill.files import writing
from distill.quantize.bounds import bounds_of, failures
from distill.quantize.judge import REFERENCE
from distill.quantize.measures import figures
from distill.quantize.quantize_record import FileRecord
from models.errors import ModelError
from models.manifest import NETWORK_PATHS
from models.whole_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from distill.quantize.judge import Seen
    from models.manifest import Role

    Check = Callable[[bytes], None]
    """Raises a ModelError where a file breaks a rule."""

_FEW = 20
"""Answers of FP32 below which agreement with it says nothing. Chosen, not measured."""


def verdicts(
    files: Mapping[Role, bytes],
    seen: Mapping[str, Seen],
    confidence: float,
    stated: Mapping[str, float],
    checks: Mapping[Role, Check],
) -> dict[Role, FileRecord]:
    """A record of FP32 and of each file.

    Args:
        files: ONNX files, FP32 among them.
        seen: what the judge saw of each.
        confidence: the least score that counts as an answer.
        stated: bounds in place of the usual ones, by name.
        checks: what else a file has to stand.

    Raises:
        InputError: FP32 itself hardly sees anything, so that nothing can be compared.
    """
    answers = sum(frame.reference for frame in seen[REFERENCE].agreement)
    if answers < _FEW:
        raise InputError(
            f"the student sees {answers} objects in {len(seen[REFERENCE].agreement)} frames at "
            f"a confidence of {confidence:g}, too few to compare by; give --calibration frames "
            "with such objects in them"
        )
    measured = figures(seen, confidence)
    found: dict[Role, FileRecord] = {}
    for role, model in files.items():
        own = measured.get(role, {})
        demanded = {} if role == REFERENCE else bounds_of(role, stated)
        refused = seen[role].refused
        lines = [f"it can't be run: {refused}"] if refused else list(failures(own, demanded))
        if role in checks:
            lines += _broken(checks[role], model)
        found[role] = FileRecord(
            file=NETWORK_PATHS[role],
            sha256=hashlib.sha256(model).hexdigest(),
            bytes=len(model),
            figures=own,
            bounds=demanded,
            failed=tuple(lines),
        )
    return found


def _broken(check: Check, model: bytes) -> list[str]:
    try:
        check(model)
    except ModelError as error:
        return [str(error)]
    return []


def write_passed(
    folder: Path, files: Mapping[Role, bytes], records: Mapping[Role, FileRecord]
) -> list[str]:
    """Write the files that passed and take away those of former runs; the names of what is there.

    Raises:
        OutputError: the folder can't be written to.
    """
    there = []
    for role, record in records.items():
        path = folder / record.file
        with writing(path):
            if role == REFERENCE or record.failed:
                path.unlink(missing_ok=True)
                continue
            with whole_file(path) as file:
                file.write(files[role])
        there.append(record.file)
    return there


def refusal(folder: Path, records: Mapping[Role, FileRecord]) -> str | None:
    """One line about what was not written, why, and what to do; None where all passed."""
    refused = {role: record for role, record in records.items() if record.failed}
    if not refused:
        return None
    parts = [
        f"{folder / record.file} was not written: {'; '.join(record.failed)}"
        for record in refused.values()
    ]
    return (
        f"{'. '.join(parts)}. Calibrate on more frames of your own cameras, try --ranges mse or "
        "minmax, look where it is lost with --sensitivity, or state with --bounds what you can bear"
    )
