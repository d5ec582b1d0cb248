"""A device's first use: installed, configured and started, it redacts what its camera sees."""

import itertools
import shutil

import av
import numpy as np
import pytest
import yaml
from readme import device_commands

from distill.data.scenes import CLASSES
from tests.demo.__main__ import render, scene
from tests.systemd.conftest import ROOT, WITHOUT_NETWORK, as_the_readme_says
from tests.systemd.service import until

READY_S, STARTS = 10, 5
"""Of a few starts one has to be as quick: other tests may have the cores meanwhile."""

HIDDEN = (255, 0, 255)
"""A colour that no camera sees."""


def ready_s(service):
    """How long it took to start."""
    began, ready = (
        int(service.shown(f"{moment}Monotonic")) / 1e6
        for moment in ("InactiveExitTimestamp", "ActiveEnterTimestamp")
    )
    return ready - began


@pytest.mark.slow
def test_the_readmes_commands_make_a_device_that_redacts(installed, boot):
    _, example, start, secret, again, *looks = device_commands()
    assert "sfumato config example | sudo tee /etc/sfumato/agent.yaml" in installed.said
    service = boot()
    machine, folder = service.machine, service.config.parent
    as_the_readme_says(machine, example)
    written = yaml.safe_load(service.config.read_text())
    for name in ("bottles.sfm", "demo.pub"):
        (folder / name).write_bytes((ROOT / "models" / "demo" / name).read_bytes())
    with (folder / "bottles.mp4").open("wb") as file:
        render(file)
    nobody = written["streams"]["door"]["source"].replace("10.0.0.5", "127.0.0.1:9")
    assert "${credential:door}" in nobody
    mine = {
        "model": {"bundle": "bottles.sfm", "trust": ["demo.pub"]},
        "streams": {
            "door": {"source": "bottles.mp4", "effect": "solid:ff00ff"},
            "yard": {"source": nobody},
        },
    }
    assert mine.keys() <= written.keys()
    service.config.write_text(yaml.safe_dump(mine))
    as_the_readme_says(machine, secret, typed="sesame")
    as_the_readme_says(machine, again, **WITHOUT_NETWORK)
    for _ in range(STARTS):
        as_the_readme_says(machine, start)
        if (took_s := ready_s(service)) <= READY_S:
            break
        service.systemctl("stop")
        shutil.rmtree(machine.disk / "var/lib/sfumato/video")
    assert took_s <= READY_S

    until(lambda: service.recordings() != [])
    said = [as_the_readme_says(machine, look) for look in looks]
    told = (
        "Nothing is missing that is needed here.",
        "0 of 2 streams running",
        "the file has ended",
        "# default",
        "sfumato_build_info{",
    )
    for part, text in zip(told, said, strict=True):
        assert part in text
    assert "sesame" not in "".join(said)
    service.systemctl("stop")
    (recording,) = service.recordings()
    with av.open(str(recording)) as container:
        painted = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(painted) == 100
    for number, truth in enumerate(itertools.islice(scene(), 41)):
        if number % 20:
            continue
        hidden = np.linalg.norm(painted[number].astype(int) - HIDDEN, axis=2) < 90
        for seen in truth.instances:
            share = hidden[seen.mask > 0].mean()
            if CLASSES[seen.class_id] == "bottle":
                assert share > 0.95, number
            if CLASSES[seen.class_id] == "can":
                assert share < 0.2, number
