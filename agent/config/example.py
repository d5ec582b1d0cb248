"""Example: configurations to begin with."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, get_args

from pydantic import TypeAdapter

from agent.config.listing import inline
from agent.config.tree import AgentConfig
from models.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

MINIMAL = """\
# All that a device needs to be told. What is left out has a default: `sfumato config example --full`.
model: person.sfm                   # what finds people; paths are relative to this file
trust: office.pub                   # the key that signed it
streams:
  door: rtsp://10.0.0.5/stream1
"""

TYPICAL = """\
# What a device is told. `sfumato config check FILE` says whether it is right, `sfumato config show
# FILE --origin` what it means in full, `sfumato config example --full` what else there is.
# Paths are relative to this file.

device: gate-7                      # left out, it is the host's name

model: {bundle: person.sfm, trust: [office.pub]}

defaults:                           # for all streams; each may say otherwise
  effect: pixelate                  # auto, blur, pixelate, solid or solid:RRGGBB
  every: auto                       # the detector looks as often as things move

streams:
  door:                             # a password stands in the credential `door` of the service
    source: rtsp://viewer:${credential:door}@10.0.0.5/stream1
    classes: [person, car]          # left out, it is all that the model finds
  yard: {source: /dev/video0, latency: low}
  test: {source: clip.mp4, loop: true, realtime: true}    # a file in a camera's place

record:                             # segments by stream; the oldest go when a limit is reached
  dir: /var/lib/sfumato/video
  segment_s: 60
  keep: {bytes: 50GiB, days: 7, free: 2GiB}

mqtt:                               # left out, the device is reached by no broker; once it is
  host: broker.example              # provisioned, {identity: /var/lib/sfumato/identity} is enough
  ca: ca.crt
  cert: device.crt
  key: ${credential:device.key}     # as for the password above
"""

_FULL = """\
# Every setting of a device, in full, with its default; with an example where there is none, or
# where it depends on the machine. Made by `sfumato config example --full`.
"""

_DEFAULTS = (
    "what all streams share: any setting of a stream, where the stream doesn't say otherwise"
)
_WIDTH = 96


def full() -> str:
    """Every setting with its default and what it is, as the models say it."""
    return "".join(f"{line}\n" for line in [_FULL, *_section(AgentConfig, "")])


def _section(kind: type[StrictModel], indent: str) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        if kind is AgentConfig and name == "streams":
            yield from _remark(_DEFAULTS, indent)
            yield f"{indent}defaults: {{}}"
        yield from _remark(field.description or "", indent)
        inner = _model_in(field.annotation)
        if inner is None:
            yield f"{indent}{name}: {inline(_value(field))}"
            continue
        yield f"{indent}{name}:"
        inside = f"{indent}  "
        if not field.examples:
            yield from _section(inner, inside)
            continue
        for key in field.examples[0]:  # names that people give
            yield f"{inside}{inline(key)}:"
            yield from _section(inner, f"{inside}  ")


def _remark(said: str, indent: str) -> Iterator[str]:
    head = f"{indent}# "
    yield from textwrap.wrap(said, _WIDTH, initial_indent=head, subsequent_indent=head)


def _value(field: FieldInfo) -> Any:
    """An example, where there is one, or the default, both as a file has them."""
    if field.examples:
        return field.examples[0]
    default = field.get_default(call_default_factory=True)
    kind: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
    return kind.dump_python(default, mode="json")


def _model_in(annotation: Any) -> type[StrictModel] | None:
    """The settings that a field holds; None where it is one itself."""
    if isinstance(annotation, type) and issubclass(annotation, StrictModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
