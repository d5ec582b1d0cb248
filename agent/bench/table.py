"""Table: a bench's results as a person reads them on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agent.bench.bench_report import BenchReport, ClipPart, MachinePart, NetworkPart

_HEAD = ("runtime", "file", "input", "batch", "p50 ms", "p90", "p99", "GPU p50", "images/s")


def table(report: BenchReport) -> str:
    """All of it: the machine, a line for each network, the clip, and what was left out."""
    lines = [machine_line(report.machine), ""]
    if report.networks:
        lines += [*_aligned([_HEAD, *map(_cells, report.networks)]), ""]
    if report.clip is not None:
        lines += [*_clip_lines(report.clip), ""]
    lines += [f"not measured: {each.what}: {each.why}" for each in report.skipped]
    return "\n".join(lines).rstrip()


def machine_line(machine: MachinePart) -> str:
    """The device, its power mode and what counts of its versions."""
    parts = [
        machine.device,
        machine.gpu and f"GPU {machine.gpu}",
        machine.l4t and f"Jetson Linux {machine.l4t}",
        machine.power_mode and f"power mode {machine.power_mode}",
        f"{machine.cores} cores",
        *(f"{name} {version}" for name, version in machine.versions.items()),
    ]
    return ", ".join(filter(None, parts))


def _cells(row: NetworkPart) -> tuple[str, ...]:
    wall, device = row.wall, row.device
    return (
        row.runtime,
        row.precision,
        f"{row.size[0]}x{row.size[1]}",
        str(row.batch),
        f"{wall.p50_ms:.2f}",
        f"{wall.p90_ms:.2f}",
        f"{wall.p99_ms:.2f}",
        "" if device is None else f"{device.p50_ms:.2f}",
        f"{row.images_per_s:.1f}",
    )


def _clip_lines(clip: ClipPart) -> Iterator[str]:
    steady = "" if clip.steady_fps is None else f", {clip.steady_fps:.1f} steady"
    live = "" if clip.real_time_factor is None else f", {clip.real_time_factor:.2f}x real time"
    yield (
        f"{clip.width}x{clip.height} {clip.codec}, {clip.frames} frames, decoded by "
        f"{clip.decoder}, looked at every {clip.every} with {clip.precision} on {clip.runtime}: "
        f"{clip.fps:.1f} frames/s{steady}{live}; {clip.bottleneck} was the slowest stage"
    )
    for title, unit, sensors in (("drew", "W", clip.watts), ("warmed to", "C", clip.celsius)):
        if sensors:
            said = (f"{name} {each.most:.1f} {unit}" for name, each in sensors.items())
            yield f"{title} at most: {', '.join(said)}"
    if clip.throttled:
        yield f"slowed down by {', '.join(clip.throttled)}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        words = (
            cell.ljust(width) if at < 3 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(words).rstrip()
