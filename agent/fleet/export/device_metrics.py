"""Devices: metrics of what they are, how far a change of their model is, and their streams' states."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

from agent.control.messages import ModelState, StreamState
from agent.fleet.export.family import gauge, info, short, some

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from agent.fleet.inventory import DeviceState
    from agent.fleet.live import Fleet

MOST_STREAMS = 64
"""Of a device. Chosen, not measured: one box redacts a handful."""
PRESENCES = ("online", "clean", "lost", "twin", "unknown")


def devices_metrics(fleet: Fleet) -> Iterator[Metric]:
    """All of it."""
    devices = [*fleet.devices.values()]
    yield from _devices(devices)
    yield from _updates(fleet)
    yield from _streams(devices)


def _devices(devices: list[DeviceState]) -> Iterator[Metric]:
    labelled = [({"device": device.name}, device) for device in devices]
    counts = Counter(device.presence for device in devices)
    yield gauge(
        "devices", "Devices, by whether they are there.",
        [({"presence": each}, counts[each]) for each in PRESENCES],
    )  # fmt: skip
    yield gauge(
        "device_presence", "1 for how the device is there, 0 for the others.",
        [
            (label | {"presence": each}, device.presence == each)
            for label, device in labelled
            for each in PRESENCES
        ],
    )  # fmt: skip
    yield gauge(
        "device_last_seen_timestamp_seconds",
        "The newest Unix time in what the device told; one that is online tells it every minute.",
        [(label, device.last_seen) for label, device in labelled],
    )
    yield info(
        "device", "What the device is and which model it runs.",
        [
            {
                **label,
                "version": short(told.agent),
                "hardware": short(told.hardware),
                "model": short(told.model.name) if told.model else "",
                "model_version": str(told.model.version) if told.model else "",
            }
            for label, device in labelled
            if (told := device.info) is not None
        ],
    )  # fmt: skip
    yield gauge(
        "device_certificate_end_timestamp_seconds", "Unix time at which its certificate expires.",
        [(label, device.info.certificate_end) for label, device in labelled if device.info],
    )  # fmt: skip
    yield gauge(
        "device_config_drift", "Whether its configuration is not the one that it should have.",
        [(label, bool(device.drift)) for label, device in labelled],
    )  # fmt: skip
    yield gauge(
        "device_unread_documents", "Documents of the device that can't be read.",
        [(label, len(device.unread)) for label, device in labelled],
    )  # fmt: skip


def _updates(fleet: Fleet) -> Iterator[Metric]:
    """How far a change of model has got, at each device and in each group."""
    reported = [
        ({"device": name}, device.model_reported)
        for name, device in fleet.devices.items()
        if device.model_reported is not None
    ]
    states = get_args(ModelState)
    yield gauge(
        "device_update_state", "1 for how far a change of the device's model is, 0 for the others.",
        [
            (label | {"state": state}, state == model.state)
            for label, model in reported
            for state in states
        ],
    )  # fmt: skip
    yield gauge(
        "device_update_progress_ratio", "Of what is fetched.",
        [(label, model.progress) for label, model in reported],
    )  # fmt: skip
    yield gauge(
        "device_refused_models", "Bundles that the device will not run again.",
        [(label, len(model.refused)) for label, model in reported],
    )  # fmt: skip
    offers = fleet.offers.items()
    yield info(
        "rollout", "Which model a group is offered.",
        [
            {"group": group, "model": short(offer.name), "model_version": str(offer.version)}
            for group, offer in offers
        ],
    )  # fmt: skip
    yield gauge(
        "rollout_share_ratio", "The share of the group's devices that shall run it.",
        [({"group": group}, offer.percent / 100) for group, offer in offers],
    )  # fmt: skip
    counts = Counter(
        (model.group, model.state)
        for _, model in reported
        if (offer := fleet.offers.get(model.group or "")) and model.digest == offer.digest
    )
    yield gauge(
        "rollout_devices", "The group's devices that were told to run it, by how far they are.",
        [
            ({"group": group, "state": state}, counts[group, state])
            for group, _ in offers
            for state in states
        ],
    )  # fmt: skip


def _streams(devices: list[DeviceState]) -> Iterator[Metric]:
    """Of devices that are online; of one that is away nobody knows how they are."""
    streams = [
        ({"device": device.name, "stream": short(name)}, stream)
        for device in devices
        if device.streams is not None and device.presence == "online"
        for name, stream in some(device.streams.streams, MOST_STREAMS)
    ]
    states = get_args(StreamState.model_fields["state"].annotation)
    yield gauge(
        "stream_state", "1 for the state that the stream is in, 0 for the others.",
        [
            (label | {"state": state}, state == stream.state)
            for label, stream in streams
            for state in states
        ],
    )  # fmt: skip
    yield gauge(
        "stream_state_since_timestamp_seconds",
        "Unix time at which the stream came into its state.",
        [(label, stream.since) for label, stream in streams],
    )
