"""Gaps: what is missing of the events of many devices, and when to ask a device for it.

A device counts its events (`seq`), anew in each memory (`epoch`), and says every minute how far.
So a number that was not heard is an event that got lost between the device and here, and may still
be there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.fleet.seq_ranges import SeqRanges

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 3.0
"""From a gap until it is asked for: at a reconnection a device sends everything again that nobody
acknowledged, and several collectors of one database write at different times. Chosen, not
measured."""
ANSWER_S = 15.0
"""From a question until it counts as lost. Chosen, not measured: a device answers in milliseconds,
but may have much to send before."""
SETTLE_S = 2.0
"""After an answer, without another of the events, until they count as all that there are; a device
sends thousands a second. Chosen, not measured."""
MAX_BACKOFF_S = 600.0
STRIDE = 500
"""Events in a question. Chosen, not measured: a device that sends them again has 16 in flight, so
what it has to say meanwhile waits for a second at most."""
SPACING_S = 0.05
"""Between two questions, whoever they are for, for the broker's sake. Chosen, not measured."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question for events."""

    device: str
    epoch: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that the device no longer has.

    Attributes:
        before: they are older than anything that was ever heard of this device.
    """

    device: str
    epoch: str
    first: int
    last: int
    before: bool


@dataclass(slots=True)
class _Epoch:
    is_first: bool
    said: int = 0
    """The newest that the device told of."""
    heard: SeqRanges = field(default_factory=SeqRanges)
    known: SeqRanges = field(default_factory=SeqRanges)
    """Heard, or lost for good."""
    tried: SeqRanges = field(default_factory=SeqRanges)
    """Asked for with others between that are there: what is left of it is asked for on its own,
    for only to that can a device answer that there is nothing."""

    @property
    def last(self) -> int:
        """The newest that there is, as far as is known here."""
        return max(self.said, self.known.last if self.known else 0)

    def newest_hole(self) -> tuple[int, int] | None:
        *_, hole = (None, *self.known.missing(1, self.last))
        return hole


@dataclass(slots=True)
class _Device:
    epochs: dict[str, _Epoch] = field(default_factory=dict)
    online: bool = False
    stride: int = STRIDE
    due_s: float = 0.0
    backoff_s: float = PATIENCE_S
    asked: Ask | None = None
    came: bool = False  # something of what was asked for
    answered: bool = False

    def epoch(self, name: str) -> _Epoch:
        if name not in self.epochs:
            self.epochs[name] = _Epoch(is_first=not self.epochs)
        return self.epochs[name]

    def next_ask(self, device: str) -> Ask | None:
        """From the newest hole down, for what is oldest a device forgets first."""
        for name, epoch in self.epochs.items():
            if hole := epoch.newest_hole():
                low = max(1, hole[1] - self.stride + 1)
                first, _ = next(epoch.known.missing(low, hole[1]))
                if hole[1] in epoch.tried:
                    first = max(low, hole[0])
                epoch.tried.add(first, hole[1])
                return Ask(device, name, first, hole[1])
        return None


class Gaps:
    """What is known of every device's events; no IO, and time is given to it (seconds, rising)."""

    def __init__(self) -> None:
        self._devices: dict[str, _Device] = {}
        self._open: set[str] = set()
        self._not_before_s = 0.0

    def loaded(self, device: str, epoch: str, first: int, last: int, *, lost: bool = False) -> None:
        """These are written down by now, as heard or as lost; the oldest epoch comes first."""
        its = self._devices.setdefault(device, _Device())
        its.epoch(epoch).known.add(first, last)
        if not lost:
            its.epoch(epoch).heard.add(first, last)
        self._open.add(device)

    def heard(self, device: str, epoch: str, seq: int, now_s: float) -> bool:
        """An event came; whether it is new."""
        its = self._devices.setdefault(device, _Device())
        of = its.epoch(epoch)
        is_new = seq not in of.heard
        if seq > of.last + 1:
            self._await(device, now_s)
        of.known.add(seq, seq)
        of.heard.add(seq, seq)
        ask = its.asked
        if ask is not None and ask.epoch == epoch and ask.first <= seq <= ask.last:
            its.came = True
            self._settle(its, now_s)
        return is_new

    def nobody_present(self) -> None:
        """The connection is a new one: who is there says so again."""
        for its in self._devices.values():
            its.online, its.asked = False, None

    def present(self, device: str, *, online: bool, now_s: float) -> None:
        """A device says that it is there, as it does every minute, or is said to be gone."""
        its = self._devices.setdefault(device, _Device())
        if online and not its.online:
            its.asked, its.due_s, its.backoff_s = None, now_s + PATIENCE_S, PATIENCE_S
        its.online = online

    def said(self, device: str, epoch: str, seq: int, now_s: float) -> None:
        """A device says that it wrote down all events up to this one, whoever heard them."""
        its = self._devices.setdefault(device, _Device()).epoch(epoch)
        if seq > its.last:
            self._await(device, now_s)
            its.said = seq

    def due(self, now_s: float) -> Iterator[Ask]:
        """What is to be asked for now; it counts as asked."""
        # Who waits for longest comes first: nobody who has much to ask for holds up the others.
        for device in sorted(self._open, key=lambda device: self._devices[device].due_s):
            its = self._devices[device]
            if now_s < self._not_before_s:
                return
            if not its.online or now_s < its.due_s:
                continue
            if its.asked is not None and not self._is_over(its):
                its.backoff_s = min(2 * its.backoff_s, MAX_BACKOFF_S)
                its.asked, its.due_s = None, now_s + its.backoff_s
                continue
            if (ask := its.next_ask(device)) is None:
                its.asked = None
                self._open.discard(device)
                continue
            its.asked, its.came, its.answered = ask, False, False
            its.due_s = now_s + ANSWER_S
            self._not_before_s = now_s + SPACING_S
            yield ask

    def promised(self, ask: Ask, now_s: float) -> None:
        """The device sends those that it has again, or has by now."""
        its = self._devices[ask.device]
        if its.asked == ask:
            its.answered = True
            self._settle(its, now_s)

    def not_found(self, ask: Ask, now_s: float) -> list[Lost]:
        """The device has none of them; what is lost by it."""
        its = self._devices[ask.device]
        if its.asked != ask:
            return []
        its.asked, its.due_s, its.backoff_s = None, now_s, PATIENCE_S
        its.stride *= 2  # older ones are hardly there
        epoch = its.epochs[ask.epoch]
        lost = []
        for first, last in [*epoch.known.missing(ask.first, ask.last)]:
            before = epoch.is_first and not (epoch.heard and epoch.heard.first < first)
            lost.append(Lost(ask.device, ask.epoch, first, last, before))
            epoch.known.add(first, last)
        return lost

    def put_off(self, ask: Ask, now_s: float) -> None:
        """The device can't answer at the moment, or isn't there."""
        its = self._devices[ask.device]
        if its.asked == ask:
            its.answered, its.due_s = False, now_s  # and `due` waits longer each time

    def withdraw(self, ask: Ask, now_s: float) -> None:
        """It need not be asked: some of it was written down by others."""
        its = self._devices[ask.device]
        if its.asked == ask:
            its.asked, its.due_s = None, now_s

    def _await(self, device: str, now_s: float) -> None:
        """Something is missing, and may be on its way."""
        if device not in self._open:
            self._devices[device].due_s = now_s + PATIENCE_S
            self._open.add(device)

    def _settle(self, its: _Device, now_s: float) -> None:
        """Wait for more of what was asked for, if there can be more."""
        ask = its.asked
        if ask is None or not its.answered:
            return
        whole = not any(its.epochs[ask.epoch].known.missing(ask.first, ask.last))
        its.due_s = now_s if whole else now_s + SETTLE_S

    def _is_over(self, its: _Device) -> bool:
        """Whether a question was answered by what came, as far as it can be."""
        if not (its.answered and its.came):
            return False
        its.stride, its.backoff_s = STRIDE, PATIENCE_S
        return True
