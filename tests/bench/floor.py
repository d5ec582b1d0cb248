"""What the work itself costs on one core: the floor that no arrangement of threads gets below.

`python -m tests.bench.floor IN BUNDLE EVERY` prints milliseconds as JSON. Times are those that
the thread computed, so that a busy neighbour makes no floor look higher. Each part runs alone.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np

from agent.blur import detector_of
from agent.cli.start_up import keep_memory, take_long_turns
from agent.detect.detector import NetworkDetector
from agent.detect.pool import DetectorPool
from agent.hidden import hidden_classes
from agent.pipeline.analyst import Analyst
from agent.pipeline.rhythm import Rhythm
from agent.redact.effect import Effect
from agent.redact.redactor import Redactor
from agent.settings import BlurSettings
from agent.track.tracker import Tracker
from agent.video.file_source import FileSource
from models.bundle import Bundle
from models.decode import decoder_for
from models.feeding import Feeding, Feedings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from agent.detect.detector import Detector
    from agent.frames.frame import Frame
    from agent.frames.redacted import RedactedFrame
    from models.decode import Decoder
    from models.decode.outputs import Outputs
    from models.instances import Instances
    from models.preprocess import Letterbox
    from models.runtime.network import Network


class Stopwatch:
    """Sums up the time that this thread computes inside it."""

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.times = 0

    def __enter__(self) -> None:
        self._began = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self.spent_s += time.thread_time() - self._began
        self.times += 1

    @property
    def mean_ms(self) -> float:
        """Milliseconds each time."""
        return 1000 * self.spent_s / max(1, self.times)


@dataclass(frozen=True)
class TimedNetwork:
    """What a detector asks of a network, timed."""

    network: Network
    watch: Stopwatch

    def run(self, batch: npt.NDArray[np.float32], /) -> Sequence[npt.NDArray[Any]]:
        """The network's raw outputs."""
        with self.watch:
            return self.network.run(batch)


@dataclass(frozen=True)
class TimedDecoder:
    """A decoder (`models.decode.Decoder`), timed."""

    decoder: Decoder
    watch: Stopwatch

    def decode(self, outputs: Outputs, fit: Letterbox, **asked: Any) -> Instances:
        """Instances."""
        with self.watch:
            return self.decoder.decode(outputs, fit, **asked)


def in_parts(
    plain: NetworkDetector, bundle: Bundle
) -> tuple[NetworkDetector, Stopwatch, Stopwatch]:
    """The same detector, and what its network and the reading of outputs take in it."""
    running, reading = Stopwatch(), Stopwatch()
    timed = cast("Network", TimedNetwork(plain.chosen.network, running))
    ways = [
        Feeding(spec, TimedDecoder(decoder_for(bundle.manifest, spec), reading))
        for spec in bundle.manifest.inputs()
    ]
    chosen = replace(plain.chosen, network=timed)
    return NetworkDetector(chosen, Feedings(ways), plain.min_score), running, reading


class Seen:
    """A detector that knows some frames already, and looks at others without being timed."""

    def __init__(self, detector: Detector, watch: Stopwatch) -> None:
        self._detector, self._watch = detector, watch
        self._known: dict[int, Instances] = {}

    def look(self, frame: Frame) -> None:
        """See a frame, timed."""
        with self._watch:
            self._known[frame.index] = self._detector.detect(frame)

    def detect(self, frame: Frame) -> Instances:
        """What is in a frame."""
        known = self._known.get(frame.index)
        return self._detector.detect(frame) if known is None else known


class Encoder:
    """x264 on the calling thread, to nowhere."""

    def __init__(self, size: tuple[int, int], rate: Fraction, watch: Stopwatch) -> None:
        self._watch = watch
        self._context = av.CodecContext.create("libx264", "w")
        self._context.width, self._context.height = size
        self._context.pix_fmt = "yuv420p"
        self._context.framerate, self._context.time_base = rate, 1 / rate
        self._context.thread_count = 1
        self._context.options = {"crf": "23", "preset": "veryfast"}

    def encode(self, frame: RedactedFrame) -> None:
        """Encode a frame, timed; the copy that hands it over is not."""
        width, height = frame.size
        packed = np.concatenate([plane.ravel() for plane in frame.planes])
        picture = av.VideoFrame.from_ndarray(packed.reshape(height * 3 // 2, width), "yuv420p")
        picture.pts = frame.index
        with self._watch:
            self._context.encode(picture)

    def finish(self) -> None:
        """Encode what was held back, timed, but no frame more."""
        with self._watch:
            self._context.encode(None)
        self._watch.times -= 1


def decode_ms(clip: Path) -> float:
    """A frame's decoding by libav on one thread."""
    watch = Stopwatch()
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_count = 1
        frames = container.decode(video=0)
        while True:
            with watch:
                frame = next(frames, None)
            if frame is None:
                watch.times -= 1
                return watch.mean_ms


def costs_ms(clip: Path, bundle: Bundle, every: int) -> dict[str, float]:
    """Milliseconds a frame (or a detection) by part, on one thread."""
    cv2.setNumThreads(1)
    detect, redact, encode = Stopwatch(), Stopwatch(), Stopwatch()
    settings = BlurSettings(classes=("person",), conf=0.25, every=every, effect="solid:ff00ff")
    hidden = hidden_classes(bundle, settings)
    plain = detector_of(bundle, settings)
    detector, running, reading = in_parts(plain, bundle)
    seen = Seen(detector, detect)
    with FileSource(clip) as video:
        for frame in video:
            if frame.index == 0:
                plain.detect(frame)  # the first run of a network allocates
            if frame.index % every == 0:
                seen.look(frame)
    pool = DetectorPool(seen, 1, settings.detect_timeout_s)
    with FileSource(clip) as video:
        size = video.info.width, video.info.height
        tracker = Tracker(tuple(hidden.labels), hidden.scores)
        analyst = Analyst(
            pool.lane("floor"),
            tracker,
            Rhythm(every),
            size,
            hidden.labels,
            settings.margin,
            [].append,
        )
        redactor = Redactor(size, Effect.parse(settings.effect))
        encoder = Encoder(size, video.info.frame_rate or Fraction(25), encode)
        for frame, cover in analyst.run(video):
            with redact:
                redacted = redactor.redact(frame, cover)
            encoder.encode(redacted)
        encoder.finish()
    pool.close()
    return {
        "decode": decode_ms(clip),
        "detect": detect.mean_ms,
        "of it preprocess": detect.mean_ms - running.mean_ms - reading.mean_ms,
        "of it network": running.mean_ms,
        "of it read outputs": reading.mean_ms,
        "redact": redact.mean_ms,
        "encode": encode.mean_ms,
    }


def main() -> None:
    """Measure and print."""
    keep_memory()  # as the command does
    take_long_turns()  # likewise
    clip, path, every = sys.argv[1:]
    bundle = Bundle.open(Path(path), allow_unsigned=True)
    print(json.dumps(costs_ms(Path(clip), bundle, int(every))))


if __name__ == "__main__":
    main()
