"""A device's first use: installed, configured and started, it redacts what its camera sees."""

import itertools

import av
import numpy as np
import pytest
import yaml

from distill.data.scenes import CLASSES
from tests.demo.__main__ import render, scene
from tests.systemd.conftest import ROOT
from tests.systemd.service import until

READY_S = 10

HIDDEN = (255, 0, 255)
"""A colour that no camera sees."""


@pytest.mark.slow
def test_three_commands_make_a_device_that_redacts(installed, boot):
    assert "sfumato config example | sudo tee /etc/sfumato/agent.yaml" in installed.said
    service = boot()
    folder = service.config.parent
    for name in ("bottles.sfm", "demo.pub"):
        (folder / name).write_bytes((ROOT / "models" / "demo" / name).read_bytes())
    with (folder / "bottles.mp4").open("wb") as file:
        render(file)

    example = yaml.safe_load(service.machine.exec("sfumato", "config", "example").stdout)
    mine = {
        "model": {"bundle": "bottles.sfm", "trust": ["demo.pub"]},
        "streams": {"table": {"source": "bottles.mp4", "effect": "solid:ff00ff"}},
    }
    assert mine.keys() <= example.keys()
    service.config.write_text(yaml.safe_dump(mine))
    service.systemctl("start")
    began, ready = (
        int(service.shown(f"{moment}Monotonic"))
        for moment in ("InactiveExitTimestamp", "ActiveEnterTimestamp")
    )
    assert (ready - began) / 1e6 <= READY_S

    until(lambda: service.recordings() != [])
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
