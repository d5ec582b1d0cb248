"""Asked: all that a client of a live server can say in words.

None of it names a file, an address or a model, or makes an effect weaker.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from agent.live.show import CameraCodec, CameraHello, Command, Key, Pause, Resume, Seek, Step
from agent.live.wire import BAD_MESSAGE, HELLO_BYTES, TOO_BIG, WireError
from models.strict_model import StrictModel


class _Said(StrictModel):
    """What a client says: no text is taken for a number, either."""

    model_config = ConfigDict(strict=True)


class CameraOffer(_Said):
    """What a client's pictures will be."""

    codec: CameraCodec
    width: Annotated[int, Field(ge=16, le=1920, multiple_of=2)]
    height: Annotated[int, Field(ge=16, le=1088, multiple_of=2)]

    def hello(self) -> CameraHello:
        """The same, for whoever opens a camera."""
        return CameraHello(self.codec, self.width, self.height)


class Hello(_Said):
    """The first thing that a client says."""

    type: Literal["hello"]
    v: Literal[1]
    token: Annotated[str, Field(max_length=256)] | None = None
    want: Literal["watch", "camera"]
    stream: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="which to watch, by its name; null: the first"
    )
    as_: Literal["h264", "fmp4"] = Field(
        default="h264", alias="as", description="for WebCodecs, or for MediaSource"
    )
    camera: CameraOffer | None = None

    @model_validator(mode="after")
    def _camera_says_what_it_sends(self) -> Hello:
        if (self.want == "camera") != (self.camera is not None):
            raise ValueError("`camera` says what a camera sends, and nobody else says it")
        return self


class Do(_Said):
    """A command; answered by one `Done` with its `id`."""

    type: Literal["do"]
    id: Annotated[int, Field(ge=0, le=2**53)]
    what: Literal["pause", "resume", "step", "seek", "key"]
    to_s: Annotated[float, Field(ge=0, le=1e9)] | None = None

    @model_validator(mode="after")
    def _only_a_seek_goes_somewhere(self) -> Do:
        if (self.what == "seek") != (self.to_s is not None):
            raise ValueError("`to_s` says where a seek goes, and nothing else has it")
        return self

    def command(self) -> Command:
        """What is to be done."""
        if self.to_s is not None:
            return Seek(self.to_s)
        return _COMMANDS[self.what]


_COMMANDS: dict[str, Command] = {
    "pause": Pause(),
    "resume": Resume(),
    "step": Step(),
    "key": Key(),
}

Asked = Hello | Do
"""All texts that a client may send."""

_asked: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])


def asked_of(message: str) -> Asked:
    """Read a client's text.

    Raises:
        WireError: it is none, in words that repeat nothing of it.
    """
    if len(message) > HELLO_BYTES or len(message.encode("utf-8", "surrogatepass")) > HELLO_BYTES:
        raise WireError(TOO_BIG, f"a text has at most {HELLO_BYTES} bytes", "limit")
    try:
        return _asked.validate_json(message)
    except ValidationError as error:
        raise WireError(BAD_MESSAGE, _fault(error)) from None


def _fault(error: ValidationError) -> str:
    """The first thing that is wrong, without a word of the client's."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    if first["type"].startswith("union_tag"):
        return "type: neither hello nor do"
    where = ".".join(str(part) for part in first["loc"] if part in _KNOWN)
    return f"{where}: {first['msg']}" if where else first["msg"]


_KNOWN = frozenset(
    field.alias or name
    for model in (Hello, Do, CameraOffer)
    for name, field in model.model_fields.items()
)
