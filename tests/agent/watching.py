"""Somebody who watches a live stream: keeps what comes out of it, and decodes it."""

import json
import threading

import av

from agent.video.fanout import Over, Said, Shown, Started


class Watching:
    """A viewer of a fan-out that takes at once what there is.

    Attributes:
        packets: of all streams.
        said: texts, read.
        streams: that were started.
        over: why nothing follows, once that is so.
    """

    def __init__(self, fanout):
        self.packets, self.said, self.streams, self.over = [], [], [], None
        self._decoders = []
        self._taking = threading.Lock()
        self._viewer = None
        self._viewer = fanout.viewer(self._take)

    def _take(self):
        if self._viewer is None:
            return
        with self._taking:
            while (item := self._viewer.take()) is not None:
                match item:
                    case Started():
                        self.streams.append(item.stream)
                    case Shown():
                        self.packets.append((item.packet, item.stream))
                    case Said():
                        self.said.append(json.loads(item.text))
                    case Over():
                        self.over = item.reason
                        return

    @property
    def times(self):
        return [packet.pts for packet, _ in list(self.packets)]

    def lumas(self):
        """Every picture that came: luma, uint8 [h, w]."""
        pictures, decoder, of = [], None, None
        for packet, stream in list(self.packets):
            if stream is not of:
                decoder, of = av.CodecContext.create("h264", "r"), stream
                decoder.thread_count = 1
                decoder.flags |= av.codec.context.Flags.low_delay
            data = bytes(packet.data)
            if packet.is_key:
                data = stream.extradata + data
            pictures += [_luma(picture) for picture in decoder.decode(av.Packet(data))]
        return pictures


def _luma(picture):
    return picture.reformat(format="yuv420p").to_ndarray()[: picture.height].copy()
