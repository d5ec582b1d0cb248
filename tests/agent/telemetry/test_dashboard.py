"""The Grafana dashboard shows what is exported, all of it, and nothing else."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import yaml

from agent.telemetry.status import State
from tests.agent.telemetry.exported import exported, exported_by_fleet, mistakes, names_in

FOLDER = Path(__file__).resolve().parents[3] / "configs" / "grafana"
DASHBOARDS = {"sfumato.json": exported, "sfumato-fleet.json": exported_by_fleet}
"""By the name of its file, what it shows."""


@pytest.fixture(scope="module", params=DASHBOARDS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def dashboard(name):
    return json.loads((FOLDER / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def known(name):
    return DASHBOARDS[name]()


def targets(dashboard):
    return [target for panel in dashboard["panels"] for target in panel.get("targets", ())]


def queries(dashboard):
    """All expressions in PromQL, those of variables included."""
    found = [target["expr"] for target in targets(dashboard)]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            found.append(f"count by ({inner[2]}) ({inner[1]})")
    return found


def test_whatever_it_asks_for_is_exported(dashboard, known):
    assert len(queries(dashboard)) > 20
    assert {query: mistakes(query, known) for query in queries(dashboard)} == {
        query: [] for query in queries(dashboard)
    }


def test_a_mistake_would_be_found():
    known = {"sfumato_x": {"device"}}
    assert mistakes("sfumato_y", known) == ["sfumato_y"]
    assert mistakes('sfumato_x{device=~"a", steam!="b"}', known) == ["sfumato_x{steam}"]
    assert mistakes("sum by (device, zone) (sfumato_x)", known) == ["zone"]
    assert mistakes('sum by (device, job) (sfumato_x{device="a"})', known) == []


def test_all_that_sfumato_exports_is_shown(dashboard, known):
    shown = set().union(*(names_in(target["expr"]) for target in targets(dashboard)))
    assert {name for name in known if name.startswith("sfumato_")} - shown == set()


def test_legends_name_labels_that_their_query_leaves(dashboard, known):
    for target in targets(dashboard):
        words = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
        grouped = re.match(r"(?:sum|count) by \(([^)]*)\)", target["expr"])
        if grouped:
            assert words == set(re.findall(r"\w+", grouped[1])), target
        elif words:
            assert words <= set().union(*(known.get(n, ()) for n in names_in(target["expr"])))


def test_each_state_has_a_number_and_each_number_a_name():
    dashboard = json.loads((FOLDER / "sfumato.json").read_text("utf-8"))
    panel = next(panel for panel in dashboard["panels"] if panel["type"] == "state-timeline")
    found = re.findall(r'state="(\w+)"} \* (\d)', panel["targets"][0]["expr"])
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
    assert {number: each["text"] for number, each in mapping["options"].items()} == {
        number: state for state, number in found
    }
    assert {state for state, _ in found} == set(get_args(State))


def test_panels_lie_side_by_side_and_have_numbers_of_their_own(dashboard):
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_query_goes_to_the_data_source_that_a_person_chose(dashboard):
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["datasource"] == chosen for target in targets(dashboard))
    names = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))
    assert used - {"__rate_interval"} == names


def test_promtool_can_parse_every_query(dashboard, tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    rules = [
        {"record": f"query{i}", "expr": query.replace("$__rate_interval", "1m")}
        for i, query in enumerate(queries(dashboard))
    ]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), "utf-8")
    checked = subprocess.run(
        ["promtool", "check", "rules", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr
