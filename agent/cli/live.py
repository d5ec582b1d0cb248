"""`sfumato live`: cameras and files, redacted and shown in a browser while they run."""

from __future__ import annotations

import argparse
import sys
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_hiding_arguments, settings_of, weak_effect
from agent.cli.building import Building
from agent.cli.choices import user_cache
from agent.cli.files import add_model_arguments, open_bundle
from agent.cli.process import stopping
from agent.config.token_file import token_of
from agent.errors import UsageError

if TYPE_CHECKING:
    from agent.live.cameras import BrowserCameras
    from agent.live.live_server import LiveServer
    from agent.service.model import Model
    from agent.service.shown_stream import ShownStream
    from agent.settings import BlurSettings

_LISTEN = "127.0.0.1:8080"
_CLIENTS = 5
_EVERY = 3
_TICK_S = 1.0
_MOST_CLIENTS = 64

_EPILOG = """\
  sfumato live --model person.sfm --allow-unsigned      # then open the address in a browser
  sfumato live rtsp://10.0.0.5/stream1 --model person.sfm --push rtsp://127.0.0.1:8554/door
  sfumato live /dev/video0 --model person.sfm
  sfumato live street.mp4 --model person.sfm --loop
  sfumato live --model person.sfm --listen 0.0.0.0:8443 --host cam.example \\
          --tls-cert cert.pem --tls-key key.pem --token-file token

Without a source the page asks for the browser's camera, sends its pictures here and shows what
comes back: nobody else gets the raw picture, and nothing is shown before the detector has looked. A
camera of this machine or its network is shown to any number of browsers; a file, too, at its own
pace, and they can stop it, step and seek. A password is not typed: write ${env:NAME} in its place. What can't be
redacted with confidence is covered whole, and so is everything while a result is late. A machine
that can't keep up shows fewer pictures, and the page says so.

Browsers give their camera to pages of this machine, or by TLS; on another address than this
machine's, clients need a token as well. --latency short lets a frame wait for two looks, 0.2 s at
30 pictures a second; low lets it wait for none, and covers grow instead.

exit codes: 0 asked to stop (Ctrl-C, SIGTERM), 2 invalid arguments, 3 the file, the certificate, its key
or the token can't be read, 4 nothing can listen there, 5 the model can't be used, 1 a fault
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `live`."""
    parser = subparsers.add_parser(
        "live",
        help="redact a camera or a file, and show it in browsers while it runs",
        description="Redact a camera, a file or the cameras of browsers, and show them while they run.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="rtsp://HOST/PATH, rtsps://, /dev/videoN or a file (default: the browser's camera)",
    )
    add_model_arguments(parser)
    add_hiding_arguments(parser)
    parser.add_argument("--loop", action="store_true", help="begin the file again at its end")
    parser.add_argument(
        "--push",
        action="append",
        default=[],
        metavar="URL",
        help="send SOURCE, redacted, to an RTSP or RTMP server of yours as well",
    )

    when = parser.add_argument_group("how often to look")
    when.add_argument(
        "--every",
        type=int,
        default=_EVERY,
        metavar="N",
        help="frames from one detection to the next (default: %(default)s); where more than two "
        "browsers' cameras share the detector, as many as --max-interval allows",
    )
    when.add_argument(
        "--max-interval",
        "--max-gap",
        dest="max_gap_s",
        type=float,
        default=0.17,
        metavar="SECONDS",
        help="from one detection to the next at most, whatever --every says (default: %(default)s)",
    )
    when.add_argument(
        "--latency",
        choices=("short", "low"),
        default="short",
        help="what a frame waits for: two looks (default), or none",
    )

    serve = parser.add_argument_group("page")
    serve.add_argument(
        "--listen",
        default=_LISTEN,
        metavar="ADDR:PORT",
        help="an IP address of this machine (default: %(default)s, for this machine alone)",
    )
    serve.add_argument(
        "--clients",
        type=int,
        default=_CLIENTS,
        metavar="N",
        help="cameras at once, and fewer where one more would leave less than 10 pictures a second "
        "for each; the next is told so (default: %(default)s)",
    )
    serve.add_argument(
        "--host",
        dest="hosts",
        action="append",
        default=[],
        metavar="NAME",
        help="by which browsers may call this machine, beside the address; can be given several times",
    )
    serve.add_argument("--tls-cert", type=Path, metavar="F", help="certificate chain, PEM")
    serve.add_argument("--tls-key", type=Path, metavar="F", help="its key, PEM, without a password")
    serve.add_argument(
        "--token-file", type=Path, metavar="F", help="its first line is what clients must say"
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = settings_of(args, latency=args.latency)
    if args.source is None and (args.loop or args.push):
        raise UsageError("--loop and --push are for a SOURCE: name a camera or a file")
    if not 1 <= args.clients <= _MOST_CLIENTS:
        raise UsageError(f"--clients {args.clients}: give a number from 1 to {_MOST_CLIENTS}")
    if (args.tls_cert is None) != (args.tls_key is None):
        raise UsageError("--tls-cert and --tls-key belong together: give both, or none")
    token = None if args.token_file is None else token_of(args.token_file)
    stop = threading.Event()
    with ExitStack() as opened:
        model = _loaded(args, settings)
        opened.callback(model.close)
        stream = cameras = None
        if args.source is None:
            cameras = _cameras(args.clients, settings, model)
            opened.callback(partial(cameras.close, "the server ends"))
        else:
            stream = _stream(args, settings, model)
            opened.callback(stream.close)
        server = _server(args, stream, cameras, token)
        opened.callback(server.close)

        def cancel() -> bool:
            stop.set()
            return True

        with stopping(cancel):
            server.start()
            print(f"sfumato: live on {server.address}", file=sys.stderr, flush=True)
            while not stop.wait(_TICK_S):
                if stream is not None:
                    stream.tick()
    return 0


def _loaded(args: argparse.Namespace, settings: BlurSettings) -> Model:
    """The model, proved on this machine; what is wrong or weak is said."""
    from agent.config.tree import ModelConfig
    from agent.service.model import Model

    bundle = open_bundle(args)
    with Building() as building:
        model = Model.of(bundle, ModelConfig(), user_cache(), building)
    try:
        hidden = model.hidden(settings)
    except BaseException:
        model.close()
        raise
    model.detector.min_score, model.detector.sought = hidden.weakest, hidden.sought
    if weak := weak_effect(settings, hidden.labels.values()):
        print(f"sfumato: warning: {weak}", file=sys.stderr)
    if bundle.signed_by is None:
        print(f"sfumato: warning: nobody signed {args.model}", file=sys.stderr)
    return model


def _cameras(clients: int, settings: BlurSettings, model: Model) -> BrowserCameras:
    from agent.live.cameras import BrowserCameras
    from agent.live.capacity import Capacity
    from agent.live.showing import Analysis
    from models.cores import usable_cores

    analysis = Analysis(partial(model.lane, live=True), model.hidden(settings), settings, settings)
    return BrowserCameras(clients, analysis, Capacity(usable_cores()))


def _stream(args: argparse.Namespace, settings: BlurSettings, model: Model) -> ShownStream:
    from agent.config.address import has_password
    from agent.config.secrets import Secrets
    from agent.service.shown_stream import ShownStream
    from agent.service.source import is_live
    from agent.video.push import PushOutput
    from agent.video.verdicts import VERDICTS, Verdicts

    for name, address in (("SOURCE", args.source), *(("--push", url) for url in args.push)):
        if has_password(address):
            raise UsageError(f"{name}: a password is not typed: write ${{env:NAME}} in its place")
    secrets = Secrets.of_process()
    pushes = [PushOutput(secrets.filled(url), name="--push") for url in args.push]
    source = args.source if is_live(args.source) else str(Path(args.source).absolute())
    cache = user_cache()
    verdicts = Verdicts(None if cache is None else cache / VERDICTS)
    return ShownStream(source, settings, model, secrets, verdicts, pushes, loop=args.loop)


def _server(
    args: argparse.Namespace,
    stream: ShownStream | None,
    cameras: BrowserCameras | None,
    token: str | None,
) -> LiveServer:
    from agent.live.live_server import LiveServer

    tls = None if args.tls_cert is None else (args.tls_cert, args.tls_key)
    shows = dict if stream is None else lambda: stream.shows
    return LiveServer(args.listen, shows, cameras, names=args.hosts, token=token, tls=tls)
