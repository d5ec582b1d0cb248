"""The other peer: FFmpeg's libraries decode and encode, and nothing happens in between.

`python -m tests.bench.transcode IN OUT`, with the very libx264 that Sfumato uses.
"""

from __future__ import annotations

import json
import sys
import time

import av


def main() -> None:
    """Transcode, then print frames and seconds as JSON."""
    source, target = sys.argv[1:]
    began = time.perf_counter()
    frames = 0
    with av.open(source) as before, av.open(target, "w") as after:
        inside = before.streams.video[0]
        inside.thread_type = "AUTO"
        stream = after.add_stream(
            "libx264", rate=inside.average_rate, options={"crf": "23", "preset": "veryfast"}
        )
        stream.width, stream.height, stream.pix_fmt = inside.width, inside.height, "yuv420p"
        if inside.time_base is not None:
            stream.codec_context.time_base = inside.time_base
        stream.codec_context.thread_count = 0
        stream.codec_context.thread_type = "AUTO"
        for frame in before.decode(inside):
            after.mux(stream.encode(frame))
            frames += 1
        after.mux(stream.encode(None))
    print(json.dumps({"frames": frames, "steady_s": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
