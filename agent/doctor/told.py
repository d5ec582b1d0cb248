"""How a checkup is told: to a person in some ten lines, and to programs as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.doctor.finding import Finding

_FORMAT = 1
"""Of the JSON; raised where a field changes its meaning."""


def heading(version: str, device: str) -> str:
    """What is said first."""
    return f"Sfumato {version} on {device}"


def lines_of(finding: Finding) -> Iterator[str]:
    """A line of what was found, and one for the command that mends it."""
    yield f"{finding.state:8} {finding.name:12} {finding.said}"
    if finding.command:
        yield f"{'':22}$ {finding.command}"


def conclusion(findings: Sequence[Finding]) -> str:
    """What is said last."""
    lacking = lacks(findings)
    if not lacking:
        return "Nothing is missing that is needed here."
    return f"Needed here, and missing: {', '.join(lacking)}."


def document_of(findings: Sequence[Finding], version: str, device: str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "v": _FORMAT,
        "version": version,
        "device": device,
        "lacks": lacks(findings),
        "findings": [
            {
                "name": finding.name,
                "state": finding.state,
                "said": finding.said,
                "command": finding.command or None,
                "needed": finding.needed,
            }
            for finding in findings
        ],
    }


def lacks(findings: Sequence[Finding]) -> list[str]:
    """Names of what is needed here and missing."""
    return [each.name for each in findings if each.needed and each.state == "missing"]
