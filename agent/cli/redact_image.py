"""`sfumato redact-image`: redact images."""

from __future__ import annotations

import argparse
import sys

from agent.cli.arguments import add_hiding_arguments, settings_of, weak_effect
from agent.cli.building import Building
from agent.cli.choices import user_choices, user_engines, warn_of_faulty_files
from agent.cli.files import add_model_arguments, open_bundle
from agent.cli.inputs import Kind, add_path_arguments, inputs_of
from agent.cli.suffixes import IMAGE_SUFFIXES
from agent.errors import AgentError
from agent.output_file import sweep_around

_EPILOG = """\
  sfumato redact-image photo.jpg out.jpg --model person.sfm
  sfumato redact-image *.jpg scans/ --out-dir redacted --model person.sfm --effect solid

The output holds pixels and nothing else: no place, no camera, no thumbnail. It is upright, has
8 bits a channel, and no transparency. Where the model gives no result that may be trusted there
is no output. A still has no neighbours: what a single look misses is not hidden.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `redact-image`."""
    parser = subparsers.add_parser(
        "redact-image",
        help="redact images",
        description="Hide the objects that a model finds in images.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_path_arguments(parser, "image", "photo.redacted.jpg")
    add_model_arguments(parser)
    add_hiding_arguments(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    from agent.hidden import hidden_classes
    from agent.image_file import FORMATS
    from agent.redact_image import ImageDetector, redact_image_file
    from agent.several_pictures import further_pictures
    from models.runtime.backends import device_backends
    from models.runtime.choose import choose_network

    pairs = inputs_of(args, Kind("image", IMAGE_SUFFIXES, frozenset(FORMATS), ".png")).pairs
    sweep_around(target for _, target in pairs)
    bundle = open_bundle(args)
    labels = hidden_classes(bundle, settings).labels
    if weak := weak_effect(settings, labels.values()):
        print(f"sfumato: warning: {weak}", file=sys.stderr)
    with Building() as building:
        backends = device_backends(user_engines(), building)
        chosen = choose_network(bundle, backends=backends, cache=user_choices())
    warn_of_faulty_files(chosen)
    detector = ImageDetector.of(bundle, settings, chosen)
    hidden = hidden_classes(bundle, settings, chosen.precision)
    failed: AgentError | None = None
    for source, target in pairs:
        try:
            count = redact_image_file(
                source, target, detector, hidden, settings, overwrite=args.overwrite
            )
        except AgentError as error:
            if len(pairs) == 1:
                raise
            print(f"sfumato: {error}; going on with the next", file=sys.stderr)
            failed = failed or error
            continue
        if more := further_pictures(source):  # of a phone's JPEG
            print(
                f"sfumato: note: {source}: left out what is behind the photo: {more} more",
                file=sys.stderr,
            )
        objects = "object" if count == 1 else "objects"
        print(f"sfumato: {target}: {count} {objects} hidden", file=sys.stderr)
    if bundle.signed_by is None:
        print(f"sfumato: warning: nobody signed {args.model}", file=sys.stderr)
    return 0 if failed is None else failed.exit_code
