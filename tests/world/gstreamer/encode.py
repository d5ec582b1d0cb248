"""A process that encodes and says how that went, as JSON: `encode.py FILE ENCODER VERDICTS`."""

import json
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from agent.errors import AgentError
from agent.frames.cpu_frame import CpuFrame
from agent.frames.frame import Colour
from agent.frames.redacted import _SEAL, RedactedFrame
from agent.frames.stream_info import StreamInfo
from agent.video.encoder import VideoEncoder
from agent.video.encoders import Encoders
from agent.video.encoding_sink import EncodingSink
from agent.video.file_output import FileOutput
from agent.video.verdicts import Verdicts

INFO = StreamInfo(
    width=320,
    height=192,
    frame_rate=Fraction(25),
    time_base=Fraction(1, 25),
    frames=None,
    duration_s=4.0,
    colour=Colour("bt601", full_range=False),
    matrix_code=6,
    codec="h264",
    pixel_format="yuv420p",
    sample_aspect_ratio=Fraction(1),
    has_audio=False,
)


def frame(number):
    planes = np.full((192, 320), 40 + number, np.uint8), np.full((96, 160, 2), 128, np.uint8)
    shown = CpuFrame(planes, number, number, INFO.time_base, INFO.colour)
    return RedactedFrame(_SEAL, shown, planes)


def main(path, asked, verdicts):
    began_s, name, error = time.monotonic(), None, None
    last_s = began_s
    try:
        output = FileOutput(path)
        clock = output.clock(INFO)
        coder = Encoders(asked, Verdicts(Path(verdicts))).coder_for(
            INFO, clock.time_base, "h264", 23
        )
        encoder = VideoEncoder(INFO, clock=clock, gop_s=1.0, coder=coder)
        name = encoder.coder
        with EncodingSink(encoder, output) as sink:
            for number in range(100):
                last_s = time.monotonic()
                sink.write(frame(number))
            sink.finish()
    except AgentError as caught:
        error = str(caught)
    said = {"encoder": name, "error": error, "took_s": time.monotonic() - last_s}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
