"""An RTSP server that takes what is pushed to it, and keeps it in a folder.

Runs under the system's own Python, which has GStreamer's bindings, as a child of
`push_targets.RtspTarget`. Each push becomes a file of its own: NAME-1.h264, NAME-2.h264...
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

_LAUNCH = (
    "( rtph264depay name=depay0 ! h264parse ! video/x-h264,stream-format=byte-stream,alignment=au"
    " ! filesink name=kept location={path} buffer-mode=unbuffered sync=false )"
)


class Server:
    def __init__(self, port, folder, names, user, password):
        self._folder = Path(folder)
        self._server = GstRtspServer.RTSPServer()
        self._server.set_address("127.0.0.1")
        self._server.set_service(port)
        if user:
            auth = GstRtspServer.RTSPAuth()
            token = GstRtspServer.RTSPToken()
            token.set_string("media.factory.role", "pusher")
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
            self._server.set_auth(auth)
        for name in names:
            factory = GstRtspServer.RTSPMediaFactory()
            factory.set_transport_mode(GstRtspServer.RTSPTransportMode.RECORD)
            factory.set_latency(0)
            factory.set_launch(_LAUNCH.format(path=self._folder / "nothing"))
            factory.connect("media-constructed", self._take, name)
            if user:
                roles = GstRtspServer.RTSPPermissions()
                for right in ("media.factory.access", "media.factory.construct"):
                    roles.add_permission_for_role("pusher", right, True)
                factory.set_permissions(roles)
            self._server.get_mount_points().add_factory(f"/{name}", factory)
        self._server.attach(None)

    def _take(self, _factory, media, name):
        number = len(list(self._folder.glob(f"{name}-*"))) + 1
        sink = media.get_element().get_child_by_name("kept")
        sink.set_property("location", str(self._folder / f"{name}-{number}.h264"))


if __name__ == "__main__":
    Gst.init(None)
    port, folder, user, password, *names = sys.argv[1:]
    server = Server(port, folder, names, user, password)
    sys.stdout.write(f"={port}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()
