"""Figures: metrics and thresholds for a manifest, from the files of evaluate and ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distill.ablation.arms import CONTROL
from distill.data.json_file import read_json
from distill.errors import InputError
from models.classes import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_TAKEN = ("mask_map", "mask_map50", "box_map", "box_map50")
"""Figures of metrics.json and ladder.json that go into a manifest; not what leaks, because that
was measured at other thresholds than those of the bundle."""

_MAX_FIGURE = 1e9
"""Nothing that is measured is larger; chosen, not measured."""


def read_figures(
    paths: Iterable[Path], student: str, teacher: str | None = None
) -> dict[str, float]:
    """Figures by name, of the last file that has one.

    Args:
        paths: metrics.json of `sfumato-distill evaluate`, ladder.json of `sfumato-distill
            ladder`, or an object of names and numbers.
        student: SHA-256 of its weights; in a report, the figures of this network are taken, in a
            ladder those of the control beside it, too, with the prefix `control_`.
        teacher: likewise; its figures get the prefix `teacher_`.

    Raises:
        InputError: a file can't be read, is neither, measures another network, or holds what is
            no number.
    """
    found: dict[str, float] = {}
    for path in paths:
        content = read_json(path)
        if not isinstance(content, dict):
            raise InputError(f"{path} holds no figures by name")
        if isinstance(content.get("models"), list):
            found |= _of_report(path, content["models"], student, teacher)
        elif "rungs" in content:
            found |= _of_ladder(path, content, student, teacher)
        else:
            found |= {name: _number(path, name, value) for name, value in content.items()}
    return found


def _of_report(
    path: Path, models: Sequence[Any], student: str, teacher: str | None
) -> dict[str, float]:
    known = [model for model in models if isinstance(model, dict)]
    by_sha = {model["sha256"]: model for model in known if isinstance(model.get("sha256"), str)}
    if student not in by_sha:
        raise InputError(f"{path} measures other networks than this student; evaluate it, too")
    found = _figures(path, by_sha[student])
    if teacher and teacher in by_sha:
        of_teacher = _figures(path, by_sha[teacher])
        found |= {f"teacher_{name}": value for name, value in of_teacher.items()}
    return found


def _of_ladder(
    path: Path, content: Mapping[str, Any], student: str, teacher: str | None
) -> dict[str, float]:
    try:
        rungs = {name: rung["results"] for name, rung in content["rungs"].items()}
        number, ours = next(
            (number, result)
            for results in rungs.values()
            for number, result in enumerate(results)
            if result["sha256"] == student
        )
        parts = {"": ours, "control_": rungs[CONTROL.name][number] if CONTROL.name in rungs else {}}
        if content["teacher"]["sha256"] == teacher:
            parts["teacher_"] = content["teacher"]
        return {
            prefix + name: value
            for prefix, figures in parts.items()
            for name, value in _figures(path, figures).items()
        }
    except StopIteration as error:
        raise InputError(f"{path} has no arm with this student's weights") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no ladder.json, as ladder writes it") from error


def _figures(path: Path, model: Mapping[str, Any]) -> dict[str, float]:
    known = {name: model[name] for name in _TAKEN if name in model}
    if model and not known:
        raise InputError(f"{path} was written by another version; evaluate again")
    # Null says that there was nothing to measure.
    return {name: _number(path, name, value) for name, value in known.items() if value is not None}


def read_thresholds(path: Path, classes: Sequence[str], student: str) -> dict[str, float]:
    """Least scores of a student by class name, from sweep.json of `evaluate --sweep`.

    Args:
        path: that file, or an object that has `thresholds` alone.
        classes: the student's.
        student: SHA-256 of its weights.

    Raises:
        InputError: it can't be read, is of other networks, or has a class that the student
            doesn't know, or what is no score.
    """
    content = _sweep(path)
    alone = "networks" not in content
    found = content["thresholds"] if alone else _of_network(path, content, student)
    if found is None:
        raise InputError(f"{path} is of other networks; run evaluate --sweep on this student, too")
    return _checked(path, found, classes)


def read_file_thresholds(
    path: Path, classes: Sequence[str], sha256: str
) -> dict[str, float] | None:
    """Least scores chosen on the very file that runs; None where `path` has none of it.

    A file in 8 bits scores a little otherwise than what it was made from.

    Args:
        path: sweep.json of `evaluate --sweep`, which can be of several networks.
        classes: the student's.
        sha256: of the ONNX file.

    Raises:
        InputError: as `read_thresholds`, but for other networks.
    """
    found = _of_network(path, _sweep(path), sha256)
    return None if found is None else _checked(path, found, classes)


def _sweep(path: Path) -> Mapping[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict) or not content.keys() & {"networks", "thresholds"}:
        raise InputError(f"{path} has no object 'thresholds', as evaluate --sweep writes it")
    return content


def _of_network(path: Path, content: Mapping[str, Any], sha256: str) -> Any:
    """What a sweep has of this network, unchecked; None where it has nothing."""
    try:
        return next(
            (one["thresholds"] for one in content.get("networks", []) if one["sha256"] == sha256),
            None,
        )
    except (LookupError, TypeError) as error:
        raise InputError(f"{path} is no sweep.json, as evaluate --sweep writes it") from error


def _checked(path: Path, thresholds: Any, classes: Sequence[str]) -> dict[str, float]:
    if not isinstance(thresholds, dict):
        raise InputError(f"{path} has no object 'thresholds', as evaluate --sweep writes it")
    for name, value in thresholds.items():
        if name not in classes:
            close = nearest(name, classes)
            hint = f"did you mean '{close}'?" if close else f"it knows {', '.join(classes[:8])}"
            raise InputError(f"{path}: the student has no class '{name}'; {hint}")
        if not 0 <= _number(path, name, value) <= 1:
            raise InputError(f"{path}: the threshold of '{name}' is {value}, not between 0 and 1")
    return thresholds


def _number(path: Path, name: str, value: Any) -> float:
    if type(value) not in (int, float) or not -_MAX_FIGURE < value < _MAX_FIGURE:
        raise InputError(f"{path}: '{name}' is {str(value)[:40]}, not a number")
    number: float = value
    return number
