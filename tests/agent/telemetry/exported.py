"""What is exported, and what an expression in PromQL asks for."""

import re

from prometheus_client import ProcessCollector

from agent.fleet.export.fleet_collector import FleetCollector
from agent.telemetry.metrics import metrics_of
from tests.agent.fleet.fleets import FLEET
from tests.agent.telemetry.statuses import READINGS, STATUS

ADDED = {"job", "instance"}
"""Labels that Prometheus itself puts to all that it scrapes."""

_SERIES = re.compile(r"\b((?:sfumato|process)_\w+)(?:\{([^}]*)\})?")
_SELECTED = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
_GROUPED = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def exported():
    """What an agent exports."""
    return labels_of(metrics_of(STATUS, READINGS))


def exported_by_fleet():
    """What `sfumato ctl export` does."""
    return labels_of(FleetCollector(lambda: FLEET).collect())


def labels_of(families):
    """Labels by the name of the series; of a name, all series have the same ones."""
    found = {}
    for family in (*families, *ProcessCollector(registry=None).collect()):
        for sample in family.samples:
            assert found.setdefault(sample.name, set(sample.labels)) == set(sample.labels)
    return found


def names_in(expression):
    """The names of the series that it asks for."""
    return {name for name, _ in _SERIES.findall(expression)}


def mistakes(expression, known):
    """What it asks for, and nobody exports."""
    found = []
    labels = set(ADDED)
    for name, selectors in _SERIES.findall(expression):
        if name not in known:
            found.append(name)
            continue
        labels |= known[name]
        found += [
            f"{name}{{{label}}}"
            for label in _SELECTED.findall(selectors)
            if label not in known[name] | ADDED
        ]
    for group in _GROUPED.findall(expression):
        found += [each for each in re.findall(r"\w+", group) if each not in labels]
    return found
