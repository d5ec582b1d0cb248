"""`sfumato engine`: build TensorRT engines on this machine, for it and for its equals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.cli.building import Building
from agent.cli.choices import user_engines
from agent.cli.files import add_trust_arguments, open_bundle
from agent.output_file import check_output_file, sweep_around, write_output_file

if TYPE_CHECKING:
    import argparse

    from models.bundle import Bundle
    from models.runtime.engine_key import EngineKey

_EPILOG = """\
  sfumato engine build person.sfm --trust office.pub
  sfumato engine build person.sfm --trust office.pub --out engines
  sfumato-distill pack student.pt ... --engine engines/person-3-fp16-Orin-10.3.0.engine

Built engines are kept (in ~/.cache/sfumato/engines), and blur and redact-image find them. The
service builds and keeps its own at its first start with a bundle; a bundle that was packed with
--engine spares it that. It takes minutes for each precision, and should have the GPU to itself:
what is fastest is found by trying. Each engine has to see in the bundle's golden frames what it
should. An engine runs on nothing but the same GPU, TensorRT and Jetson Linux.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `engine`."""
    parser = add_command(subparsers, "engine", "build TensorRT engines for this machine")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    build = add_command(commands, "build", "build a bundle's engines", _EPILOG)
    build.add_argument("model", type=Path, metavar="BUNDLE", help="the bundle (.sfm)")
    build.add_argument(
        "--out", type=Path, metavar="DIR", help="also write them there, for sfumato-distill pack"
    )
    build.add_argument("--overwrite", action="store_true", help="replace files that exist")
    add_trust_arguments(build)
    build.set_defaults(run=_build)


def _build(args: argparse.Namespace) -> int:
    from models.errors import EngineError, ModelError
    from models.runtime.tensorrt_backend import TensorRtBackend

    bundle = open_bundle(args)
    with Building() as building:
        backend = TensorRtBackend(user_engines(), building)
        if (reason := backend.why_not()) is not None:
            raise EngineError(f"no engine can be built here: {reason}; see `sfumato doctor`")
        roles = backend.roles(bundle.manifest)
        if not roles:
            raise EngineError(f"{args.model} holds nothing for TensorRT; see `sfumato model show`")
        paths = [
            args.out / _name(bundle, backend.engines().key(bundle, role))
            for role in roles
            if args.out
        ]
        for path in paths:
            check_output_file(path, overwrite=args.overwrite)
        sweep_around(paths)
        failed: ModelError | None = None
        for number, role in enumerate(roles):
            try:
                data = backend.engines().proven(bundle, role).to_bytes()
            except ModelError as error:
                building.said(f"{role}: {error}")
                failed = failed or error
                continue
            print(f"{role}: {len(data) / 1e6:.1f} MB, passes")
            if paths:
                write_output_file(paths[number], data, overwrite=args.overwrite)
                print(paths[number])
    if failed is not None:
        raise EngineError(f"not all engines of {args.model} could be built")
    return 0


def _name(bundle: Bundle, key: EngineKey) -> str:
    """What tells the engine from those of other bundles, precisions and devices."""
    parts = (bundle.manifest.name, bundle.manifest.version, key.precision, key.device, key.tensorrt)
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(map(str, parts))) + ".engine"
