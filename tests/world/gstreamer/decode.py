"""A process that decodes a file and says how that went, as JSON.

`decode.py FILE DECODER VERDICTS [reliable]`: with that word its packets come as if they had been sent
over TCP. Of a camera, whose URL may stand for the file, it takes ten pictures.
"""

import itertools
import json
import operator
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from agent.errors import InputError
from agent.video.decoders import Decoders
from agent.video.file_source import FileSource
from agent.video.live_source import LiveSource
from agent.video.verdicts import Verdicts


class Sent:
    """Decoders of packets that nothing has happened to."""

    def __init__(self, decoders):
        self._decoders = decoders
        self.staying_gpu = decoders.staying_gpu

    def decoder_for(self, *asked):
        return self._decoders.decoder_for(*asked, reliable=True)


def opened(path, decoders):
    if path.startswith("rtsp:"):
        return LiveSource(path, name="door", open_timeout_s=30, stall_s=30, decoders=decoders)
    return FileSource(path, decoders=decoders)


def held():
    """Threads and descriptors of this process."""
    return [len(list(Path(f"/proc/self/{kind}").iterdir())) for kind in ("task", "fd")]


def main(path, asked, verdicts, *reliable):
    decoders = Decoders(asked, Verdicts(Path(verdicts)))
    if reliable:
        decoders = Sent(decoders)
    with suppress(InputError), FileSource(path, decoders=Decoders("gstreamer")) as source:
        next(source)  # what is opened once stays open
    before, began_s = held(), time.monotonic()
    frames, name, error, last_s = 0, None, None, began_s
    try:
        with closing(opened(path, decoders)) as source:
            name = source.info.decoder
            opened_s = time.monotonic() - began_s
            for _ in itertools.islice(source, 10) if path.startswith("rtsp:") else source:
                frames, last_s = frames + 1, time.monotonic()
    except InputError as caught:
        error = str(caught)
        opened_s = opened_s if name else time.monotonic() - began_s
    stalled_s = time.monotonic() - last_s
    said = {"decoder": name, "frames": frames, "error": error, "opened_s": opened_s}
    until_s = time.monotonic() + 5
    while any(map(operator.gt, after := held(), before)) and time.monotonic() < until_s:
        time.sleep(0.01)  # a thread that has ended is there a little longer
    said |= {"stalled_s": stalled_s, "before": before, "after": after}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
