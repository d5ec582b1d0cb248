"""What a picture of a browser's camera costs without server: `python -m tests.bench.live_floor`.

Prints CPU seconds of a picture, decoded from a file and looked at every fifth time, and how long a
detection takes, as JSON. A process of its own, so that it begins as the command does.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from agent.cli.start_up import keep_memory, take_long_turns
from agent.live.showing import live_encoder
from agent.pipeline.window_journal import WindowJournal
from agent.stream import Stream, redactor_of
from agent.video.encoding_sink import EncodingSink
from agent.video.fanout import Fanout
from agent.video.file_source import FileSource
from tests.bench.live_server import analysis_of, model_of


def floor_s(clip: Path, bundle: Path) -> tuple[float, float]:
    """CPU seconds that a picture costs by itself, and seconds of a detection."""
    model = model_of(bundle)
    analysis = analysis_of(model.pool, model, "short", 5)
    fanout = Fanout()
    with FileSource(clip) as source:
        encoder = live_encoder(source.info, fanout.wants_key)
        with EncodingSink(encoder, fanout) as sink:
            stream = Stream(
                source,
                model.pool.lane("floor"),
                analysis.hidden,
                analysis.hiding,
                analysis.looking,
                redactor_of(source, analysis.hiding).redact,
                sink,
                WindowJournal(),
                lambda _frame, _cover: None,
            )
            began_s = time.process_time()
            stream.run()
            spent_s = time.process_time() - began_s
    detect = stream.pipeline.detect_clock
    model.close()
    return spent_s / stream.pipeline.frames_out, detect.busy_s / detect.frames


def main() -> None:
    """Measure and print."""
    keep_memory()  # as the command does
    take_long_turns()  # likewise
    clip, bundle = map(Path, sys.argv[1:])
    print(json.dumps(floor_s(clip, bundle)))


if __name__ == "__main__":
    main()
