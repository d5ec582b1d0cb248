"""Family: a metric with all the values that there are, under the fleet's name."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    Labelled = Iterable[tuple[dict[str, str], float | None]]

MOST_LETTERS = 100
"""Of what a device calls something. Chosen, not measured."""

Value = TypeVar("Value")


def some(values: Mapping[str, Value], most: int) -> Iterator[tuple[str, Value]]:
    """The first ones of what a device tells, so that it can't make up any number of series."""
    return islice(values.items(), most)


def short(text: str) -> str:
    """The begin of what a device calls something."""
    return text[:MOST_LETTERS]


def info(name: str, text: str, labels: Iterable[dict[str, str]]) -> Metric:
    """What is said in labels."""
    return _filled(
        InfoMetricFamily(f"sfumato_fleet_{name}", text), "_info", [(each, 1.0) for each in labels]
    )


def counter(name: str, text: str, values: Labelled) -> Metric:
    """What is counted since the agent began."""
    return _filled(CounterMetricFamily(f"sfumato_fleet_{name}", text), "_total", values)


def gauge(name: str, text: str, values: Labelled) -> Metric:
    """What goes up and down; None: there is no such value."""
    return _filled(GaugeMetricFamily(f"sfumato_fleet_{name}", text), "", values)


def _filled(family: Metric, suffix: str, values: Labelled) -> Metric:
    """With all values that there are; Prometheus takes no series twice."""
    taken = set()
    for labels, value in values:
        key = tuple(labels.values())
        if value is not None and key not in taken:
            taken.add(key)
            family.add_sample(family.name + suffix, labels, float(value))
    return family
