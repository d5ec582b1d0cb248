"""GstPipeline: buffers in, samples out, and an error in time where none come."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from agent.video.gstreamer.library import gst

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.errors import AgentError

_SLICE_S = 0.1
"""So often a wait looks whether the pipeline has failed, which would end no wait."""
_CLOSING_S = 1.0
"""A pipeline that is stopped waits for its threads, and one that hangs would never end it."""
_MOST_LETTERS = 200


class GstPipeline:
    """Elements at work, their threads GStreamer's; for one thread of ours.

    Args:
        description: as `gst-launch-1.0` takes it; its ends are called `in` and `out`, and what does
            the work may be called `work`.
        caps: what goes in.
        name: of what does the work, for errors.
        fault: what they are.
        settings: of what does the work; those that it doesn't have are left out, for elements lose
            some from one version to the next.

    Raises:
        AgentError: `fault`: an element is not installed, or doesn't start.
        InputError: GStreamer is not installed.
    """

    def __init__(
        self,
        description: str,
        caps: str,
        name: str,
        fault: type[AgentError],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._gst = gst()
        self._name, self._fault = name, fault
        try:
            self._pipeline = self._gst.parse_launch(description)
        except Exception as error:  # GLib.Error, whose module has to be loaded to be named
            raise fault(f"{name}: {_shortened(str(error))}") from error
        work: Any = self._pipeline.get_by_name("work")
        for key, value in (settings or {}).items():
            if work.find_property(key) is not None:
                self._gst.util_set_object_arg(work, key, value)
        self._in = self._pipeline.get_by_name("in")
        self._out = self._pipeline.get_by_name("out")
        self._bus = self._pipeline.get_bus()
        self._in.set_caps(self._gst.Caps.from_string(caps))
        if self._pipeline.set_state(self._gst.State.PLAYING) == self._gst.StateChangeReturn.FAILURE:
            try:
                self._raise_fault()
                raise self._fault(f"{self._name}: doesn't start")
            finally:
                self.close()

    def push(self, data: bytes, stamp: int) -> None:
        """Feed a buffer; what comes of it has its stamp, nanoseconds.

        Raises:
            AgentError: the pipeline has failed.
        """
        buffer = self._gst.Buffer.new_wrapped(data)
        buffer.pts = stamp
        flow = self._in.push_buffer(buffer)
        if flow != self._gst.FlowReturn.OK:
            self._raise_fault()
            raise self._fault(f"{self._name}: takes no more ({flow.value_nick})")

    def send(self, event: Any) -> None:
        """Have an event go through, in its place between buffers."""
        self._in.send_event(event)

    def end(self) -> None:
        """Feed no more; what is still inside comes out."""
        self._in.end_of_stream()

    @property
    def ended(self) -> bool:
        """Whether all has come out."""
        return bool(self._out.is_eos())

    def pull(self, wait_s: float) -> Any:
        """The next sample, or None where none came in time or all did.

        Raises:
            AgentError: the pipeline has failed.
        """
        until_s = time.monotonic() + wait_s
        while True:
            left_s = max(0.0, until_s - time.monotonic())
            sample = self._out.try_pull_sample(int(min(left_s, _SLICE_S) * self._gst.SECOND))
            if sample is not None or self.ended:
                return sample
            self._raise_fault()
            if left_s <= _SLICE_S:
                return None

    def close(self) -> None:
        """Let go of it; of one that hangs, after a second."""
        pipeline, self._pipeline = self._pipeline, None
        # Each holds descriptors, and who holds us may wait for the garbage collector.
        self._in = self._out = self._bus = None
        if pipeline is None:
            return
        closing = threading.Thread(
            target=pipeline.set_state,
            args=(self._gst.State.NULL,),
            name="gstreamer-close",
            daemon=True,
        )
        closing.start()
        closing.join(_CLOSING_S)

    def _raise_fault(self) -> None:
        """What an element says it failed with.

        Raises:
            AgentError: one has.
        """
        message = self._bus.pop_filtered(self._gst.MessageType.ERROR)
        if message is not None:
            error, _ = message.parse_error()
            raise self._fault(f"{message.src.get_name()}: {_shortened(error.message)}")


def _shortened(text: str) -> str:
    return " ".join(text.split())[:_MOST_LETTERS].rstrip(".")
