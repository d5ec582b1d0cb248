"""Summary of an ablation: the table, and what it says in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distill.ablation.ablation import MASK_MAP
from distill.ablation.arms import ARMS, CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.ablation.ablation import ArmResult
    from distill.student.config import DistillConfig

_COLUMNS = {
    MASK_MAP: "mask mAP",
    "mask_map50": "mask mAP50",
    "box_map": "box mAP",
    "f1": "F1",
    "pixel_leak": "pixel leak",
}


def markdown(
    config: DistillConfig, results: Sequence[ArmResult], teacher: dict[str, Any], test: str
) -> str:
    """The whole report.

    Args:
        config: the whole recipe.
        results: in the order of `ARMS`.
        teacher: its name, sha256 and figures.
        test: what was measured on, in words.
    """
    rows = [[result.arm.adds, *(_cell(result, name) for name in _COLUMNS)] for result in results]
    known = [f"{100 * teacher[name]:.1f}" if name in teacher else "" for name in _COLUMNS]
    rows.append([f"the teacher, {teacher['name']}", *known])
    titles = ["student learns from", *_COLUMNS.values()]
    seeds = len(results[0].figures)
    if seeds > 1:
        titles.append("mask mAP, worst to best seed")
        for row, text in zip(rows, [*map(_range, results), ""], strict=True):
            row.append(text)
    last = config.seed + seeds - 1
    spread = (
        f"mean ± standard deviation of seeds {config.seed} to {last}" if seeds > 1 else "one seed"
    )
    lines = [
        f"# {config.student.name} at {config.student.image_size} px, taught by {teacher['name']}",
        "",
        f"In percent, {spread}, on {test}.",
        "",
        _row(titles),
        _row(["---", *["---:"] * (len(titles) - 1)]),
        *map(_row, rows),
        "",
        *(f"- {sentence}" for sentence in verdict(results, teacher[MASK_MAP])),
        "",
        "Equal in all arms: " + _equal(config) + ".",
        f"The teacher: {teacher['name']}, sha256 {teacher['sha256']}.",
    ]
    return "\n".join(lines) + "\n"


def verdict(results: Sequence[ArmResult], teacher: float) -> list[str]:
    """What the figures say, and what they don't.

    Args:
        results: in the order of `ARMS`.
        teacher: its mask mAP, more than 0.
    """
    top = results[-1]
    names = {ARMS[0].name: "labels only", CONTROL.name: "the control with pseudo-labels"}
    below = [
        (result, names[result.arm.name]) for result in results[:-1] if result.arm.name in names
    ]
    sentences = [
        *(_gain(top, result, words) for result, words in below),
        f"{top.arm.name} has {100 * top.mean() / teacher:.1f} % of the teacher's mask mAP.",
    ]
    if len(top.figures) == 1:
        sentences.append(
            "One seed has no spread: whether a gain is more than chance, this ladder can't say."
        )
    elif below:
        sentences.append(_significance(top, *below[-1]))
    return sentences


def to_json(
    config: DistillConfig, results: Sequence[ArmResult], teacher: dict[str, Any], test: str
) -> dict[str, Any]:
    """The same for programs, with all settings."""
    return {
        "student": config.student.name,
        "teacher": teacher,
        "test": test,
        "config": config.model_dump(mode="json"),
        "seeds": [config.seed + i for i in range(len(results[0].figures))],
        "rungs": {
            result.arm.name: {
                "mean": result.mean(),
                "spread": result.spread(),
                "results": list(result.figures),
            }
            for result in results
        },
        "verdict": verdict(results, teacher[MASK_MAP]),
    }


def _gain(top: ArmResult, below: ArmResult, words: str) -> str:
    pairs = zip(top.values(), below.values(), strict=True)
    gains = [100 * (ours - theirs) for ours, theirs in pairs]
    seeds = f" (by seed: {', '.join(f'{gain:+.1f}' for gain in gains)})" if len(gains) > 1 else ""
    return f"{top.arm.name} against {words}: {sum(gains) / len(gains):+.1f} points{seeds}."


def _significance(top: ArmResult, below: ArmResult, words: str) -> str:
    gain, noise = top.mean() - below.mean(), max(below.span(), top.span())
    if gain > noise:
        return f"{top.arm.name} beats {words} by more than seeds differ ({100 * noise:.1f} points)."
    return (
        f"{top.arm.name} does NOT beat {words}: {100 * gain:+.1f} points, where seeds differ by "
        f"{100 * noise:.1f}."
    )


def _cell(result: ArmResult, name: str) -> str:
    if any(name not in figures for figures in result.figures):
        return ""
    spread = result.spread(name)
    return f"{100 * result.mean(name):.1f}" + (f" ± {100 * spread:.1f}" if spread else "")


def _range(result: ArmResult) -> str:
    values = result.values()
    return f"{100 * min(values):.1f} to {100 * max(values):.1f}"


def _equal(config: DistillConfig) -> str:
    schedule, losses = config.schedule, config.distill
    weights = ", ".join(f"{name} {value:g}" for name, value in losses.weights().items() if value)
    return (
        f"{config.steps} steps of {schedule.batch_size} images, AdamW at {schedule.lr:g}, "
        f"augmentation, averaging, the start ({'weights' if config.student.weights else 'random'})"
        f"; the teacher's losses, where they are on: {weights}, off after "
        f"{100 * losses.stop:g} % of the steps"
    )


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
