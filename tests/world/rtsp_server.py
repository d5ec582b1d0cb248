"""An RTSP server with cameras whose every picture says which one it is.

Runs under the system's own Python, which has GStreamer's bindings, as a child of `camera.Camera`.
It takes one command a line, and answers each with a line that begins with `=`.
"""

import json
import struct
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

BITS = 16
"""A picture's number stands as black and white cells in its upper third, lowest bit on the left."""

_LAUNCH = (
    "( appsrc name=eye format=time is-live=true"
    " ! x264enc tune=zerolatency speed-preset=ultrafast pass=quant quantizer=18"
    " key-int-max={keyframes} threads=1 option-string=slices={slices}"
    " ! rtph264pay name=pay0 pt=96 config-interval={interval} {stamp} )"
)
_RATE_HZ = 90_000


def i420(number, size):
    """A picture that shows a number above a grey ground, with a bright square that moves."""
    width, height = size
    cell = width // BITS
    row = b"".join(bytes([235 if number >> bit & 1 else 20]) * cell for bit in range(BITS))
    row += bytes([20]) * (width - len(row))
    luma = bytearray(row * (height // 3) + bytes([90]) * width * (height - height // 3))
    side = height // 6
    left = number * 2 % (width - side)
    for y in range(height // 2, height // 2 + side):
        luma[y * width + left : y * width + left + side] = b"\xc8" * side
    return bytes(luma) + bytes([128]) * (2 * (width // 2) * (height // 2))


class Eye:
    """Where the pictures of one media go in.

    One object for each: GStreamer's threads make a new one while the last is still at work.
    """

    def __init__(self, element, rate):
        self._element, self._rate = element, rate
        self._began, self._shown, self._size = time.monotonic(), 0, None

    def is_due(self):
        """Whether it is time for a picture; one that is late comes at once."""
        return (time.monotonic() - self._began) * self._rate > self._shown

    def show(self, number, size):
        if self._size != size:
            width, height = self._size = size
            kind = f"video/x-raw,format=I420,width={width},height={height}"
            kind += f",framerate={self._rate}/1"
            self._element.set_property("caps", Gst.Caps.from_string(kind))
        picture = Gst.Buffer.new_wrapped(i420(number, size))
        # Not by the pipeline's clock: while that is being started its time may be hours ahead, and
        # the picture would wait for it.
        picture.pts = self._shown * Gst.SECOND // self._rate
        picture.duration = Gst.SECOND // self._rate
        self._element.emit("push-buffer", picture)
        self._shown += 1


class Mount:
    """One camera, shared by all who look."""

    def __init__(self, rate, size, keyframes, slices, repeats, stamp):
        self.rate, self.size = rate, size
        self.number = self.lie_s = 0
        self._eye = self._media = None
        self.factory = GstRtspServer.RTSPMediaFactory()
        self.factory.set_shared(True)
        self.factory.set_launch(
            _LAUNCH.format(
                keyframes=keyframes,
                slices=slices,
                interval=-1 if repeats else 0,
                stamp="" if stamp is None else f"timestamp-offset={stamp}",
            )
        )
        self.factory.connect("media-configure", self._configure)
        GLib.timeout_add(5, self._tick)

    def _configure(self, _factory, media):
        element = media.get_element()
        kind = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
        element.get_child_by_name("pay0").get_static_pad("src").add_probe(kind, self._lie)
        media.connect("unprepared", self._unprepared)
        self._media, self._eye = media, Eye(element.get_child_by_name("eye"), self.rate)

    def _unprepared(self, media):
        if media is self._media:
            self._eye = self._media = None

    def _tick(self):
        eye = self._eye
        if eye is not None and eye.is_due():
            eye.show(self.number, self.size)
            self.number += 1
        return True

    def _lie(self, pad, info):
        """Move what the packets say of their time, by sending others in their place."""
        if not self.lie_s:
            return Gst.PadProbeReturn.OK
        if info.type & Gst.PadProbeType.BUFFER_LIST:
            packets = info.get_buffer_list()
            packets = [packets.get(i) for i in range(packets.length())]
        else:
            packets = [info.get_buffer()]
        for packet in packets:
            told = bytearray(packet.extract_dup(0, packet.get_size()))
            (stamp,) = struct.unpack_from(">I", told, 4)
            struct.pack_into(">I", told, 4, (stamp + int(self.lie_s * _RATE_HZ)) % 2**32)
            lie = Gst.Buffer.new_wrapped(bytes(told))
            lie.pts, lie.dts, lie.duration = packet.pts, packet.dts, packet.duration
            pad.get_peer().chain(lie)
        return Gst.PadProbeReturn.DROP


class Server:
    def __init__(self, mounts, user, password, port):
        self._server = GstRtspServer.RTSPServer()
        self._server.set_address("127.0.0.1")
        self._server.set_service(str(port))
        self.mounts = {
            name: Mount(**each | {"size": tuple(each["size"])}) for name, each in mounts.items()
        }
        if user is not None:
            auth = GstRtspServer.RTSPAuth()
            token = GstRtspServer.RTSPToken()
            token.set_string("media.factory.role", "viewer")
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
            self._server.set_auth(auth)
        for name, mount in self.mounts.items():
            if user is not None:
                roles = GstRtspServer.RTSPPermissions()
                for right in ("media.factory.access", "media.factory.construct"):
                    roles.add_permission_for_role("viewer", right, True)
                mount.factory.set_permissions(roles)
            self._server.get_mount_points().add_factory(f"/{name}", mount.factory)
        self._server.attach(None)
        self.loop = GLib.MainLoop()
        self.port = self._server.get_bound_port()

    def answer(self, channel, _condition):
        line = channel.readline()
        if not line:  # whoever started it is gone
            self.loop.quit()
            return False
        word, name, *numbers = line.split()
        mount = self.mounts[name]
        if word == "size":
            mount.size = tuple(map(int, numbers))
        elif word == "lie":
            mount.lie_s = float(numbers[0])
        say(mount.number)
        return True


def say(what):
    sys.stdout.write(f"={what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    Gst.init(None)
    server = Server(**json.loads(sys.argv[1]))
    say(server.port)
    events = GLib.IOCondition.IN | GLib.IOCondition.HUP
    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, events, server.answer)
    server.loop.run()
