"""Ladder report: the table, and what it says in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distill.ablation.ablation import MASK_MAP
from distill.ablation.arms import CONTROL, RUNGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distill.ablation.ablation import Step
    from distill.student.config import DistillConfig

_COLUMNS = {
    MASK_MAP: "mask mAP",
    "mask_map50": "mask mAP50",
    "box_map": "box mAP",
    "f1": "F1",
    "pixel_leak": "pixel leak",
}


def markdown(
    config: DistillConfig, steps: Sequence[Step], teacher: dict[str, Any], test: str
) -> str:
    """The whole report.

    Args:
        config: the whole recipe.
        steps: from the lowest rung up.
        teacher: its name, sha256 and figures.
        test: what was measured on, in words.
    """
    rows = [[step.rung.adds, *(_cell(step, name) for name in _COLUMNS)] for step in steps]
    known = [f"{100 * teacher[name]:.1f}" if name in teacher else "" for name in _COLUMNS]
    rows.append([f"the teacher, {teacher['name']}", *known])
    titles = ["student learns from", *_COLUMNS.values()]
    seeds = len(steps[0].results)
    if seeds > 1:
        titles.append("mask mAP, worst to best seed")
        for row, text in zip(rows, [*map(_range, steps), ""], strict=True):
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
        *(f"- {sentence}" for sentence in verdict(steps, teacher[MASK_MAP])),
        "",
        "Equal in all arms: " + _equal(config) + ".",
        f"The teacher: {teacher['name']}, sha256 {teacher['sha256']}.",
    ]
    return "\n".join(lines) + "\n"


def verdict(steps: Sequence[Step], teacher: float) -> list[str]:
    """What the figures say, and what they don't.

    Args:
        steps: from the lowest rung up.
        teacher: its mask mAP, more than 0.
    """
    top = steps[-1]
    names = {RUNGS[0].name: "labels only", CONTROL.name: "the control with pseudo-labels"}
    below = [(step, names[step.rung.name]) for step in steps[:-1] if step.rung.name in names]
    sentences = [
        *(_gain(top, step, words) for step, words in below),
        f"{top.rung.name} has {100 * top.mean() / teacher:.1f} % of the teacher's mask mAP.",
    ]
    if len(top.results) == 1:
        sentences.append(
            "One seed has no spread: whether a gain is more than chance, this ladder can't say."
        )
    elif below:
        sentences.append(_significance(top, *below[-1]))
    return sentences


def to_json(
    config: DistillConfig, steps: Sequence[Step], teacher: dict[str, Any], test: str
) -> dict[str, Any]:
    """The same for programs, with all settings."""
    return {
        "student": config.student.name,
        "teacher": teacher,
        "test": test,
        "config": config.model_dump(mode="json"),
        "seeds": [config.seed + i for i in range(len(steps[0].results))],
        "rungs": {
            step.rung.name: {
                "mean": step.mean(),
                "spread": step.spread(),
                "results": list(step.results),
            }
            for step in steps
        },
        "verdict": verdict(steps, teacher[MASK_MAP]),
    }


def _gain(top: Step, below: Step, words: str) -> str:
    pairs = zip(top.values(), below.values(), strict=True)
    gains = [100 * (ours - theirs) for ours, theirs in pairs]
    seeds = f" (by seed: {', '.join(f'{gain:+.1f}' for gain in gains)})" if len(gains) > 1 else ""
    return f"{top.rung.name} against {words}: {sum(gains) / len(gains):+.1f} points{seeds}."


def _significance(top: Step, below: Step, words: str) -> str:
    gain, noise = top.mean() - below.mean(), max(below.span(), top.span())
    if gain > noise:
        return (
            f"{top.rung.name} beats {words} by more than seeds differ ({100 * noise:.1f} points)."
        )
    return (
        f"{top.rung.name} does NOT beat {words}: {100 * gain:+.1f} points, where seeds differ by "
        f"{100 * noise:.1f}."
    )


def _cell(step: Step, name: str) -> str:
    if any(name not in result for result in step.results):
        return ""
    spread = step.spread(name)
    return f"{100 * step.mean(name):.1f}" + (f" ± {100 * spread:.1f}" if spread else "")


def _range(step: Step) -> str:
    values = step.values()
    return f"{100 * min(values):.1f} to {100 * max(values):.1f}"


def _equal(config: DistillConfig) -> str:
    schedule, distil = config.schedule, config.distil
    weights = ", ".join(f"{name} {value:g}" for name, value in distil.weights().items() if value)
    return (
        f"{config.steps} steps of {schedule.batch_size} images, AdamW at {schedule.lr:g}, "
        f"augmentation, averaging, the start ({'weights' if config.student.weights else 'random'})"
        f"; the teacher's losses, where they are on: {weights}, off after "
        f"{100 * distil.stop:g} % of the steps"
    )


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
