"""`sfumato-distill`: the workstation's side."""

from __future__ import annotations

import argparse
from importlib.metadata import version


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code; there is none yet but --version."""
    parser = argparse.ArgumentParser(
        prog="sfumato-distill",
        description="Teach, distil, evaluate, quantise and pack models for `sfumato`. "
        "This version has no command yet: bundles are made from existing networks "
        "with `sfumato model import`.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('sfumato')}")
    parser.parse_args(argv)
    parser.print_help()
    return 0
