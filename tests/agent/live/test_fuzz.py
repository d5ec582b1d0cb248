"""Ten thousand messages that are not quite what they should be, through the socket."""

import json
import random
import struct

import pytest
from live_world import Booth, Client, Closed, Stage, serving, until, witness

from agent.live.admission import Limits
from agent.live.asked import Do, asked_of
from agent.live.ledger import Ledger
from agent.live.wire import CAMERA, Picture, WireError, picture_of

MESSAGES = 10_000
OFFER = {"codec": "h264", "width": 640, "height": 360}
HELLO = {"type": "hello", "v": 1, "want": "camera", "camera": OFFER, "token": None}
COMMANDS = [
    {"type": "do", "id": 7, "what": "pause"},
    {"type": "do", "id": 7, "what": "seek", "to_s": 12.5},
]
LAST_ID = 2**52
ODD = [None, True, -1, 2**63, 1e308, "", "x" * 300, "\0", "\ud800", [], {}, [[]] * 50, "../../etc"]


def mutated_json(dice, message):
    """A message with a field that is gone, odd, doubled, nested or unheard of; or broken text."""
    message = dict(message)
    key = dice.choice(list(message))
    match dice.randrange(6):
        case 0:
            del message[key]
        case 1:
            message[key] = dice.choice(ODD)
        case 2:
            message[dice.choice(["url", "model", "effect", "__class__", "path"])] = dice.choice(ODD)
        case 3:
            message[key] = {key: message[key]}
        case 4:
            message["id"] = dice.randrange(2**50)
    text = json.dumps(message)
    if dice.random() < 0.2:
        text = "".join(mutated(dice, text, lambda: chr(dice.randrange(1, 0x2000))))
    return text


def mutated_bytes(dice, message):
    return bytes(mutated(dice, message, lambda: dice.randrange(256)))


def mutated(dice, message, anything):
    """One to three places that are other, gone, or doubled; or the end is cut off."""
    parts = list(message)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(parts) + 1)
        match dice.randrange(4):
            case 0:
                parts[at : at + 1] = [anything()]
            case 1:
                del parts[at : at + dice.randint(1, 4)]
            case 2:
                parts[at:at] = parts[max(0, at - 8) : at]
            case 3 if dice.random() < 0.1:
                del parts[at:]
    return parts


def is_bad(message, ledger):
    """Whether the connection is over after it."""
    try:
        if isinstance(message, str):
            return not isinstance(asked_of(message), Do)
        number = picture_of(message).number
        ledger.sent(number)
        ledger.drop([number])
    except WireError:
        return True
    return False


def said_by(dice, number):
    """Something between a command and a picture, most often not quite."""
    if dice.random() < 0.06:
        return mutated_json(dice, dice.choice(COMMANDS))
    payload = dice.randbytes(40)
    chunk = bytes(Picture(CAMERA, number, number * 33_000, is_key=True, payload=payload))
    return (
        chunk[:16] + mutated_bytes(dice, payload)
        if dice.random() < 0.95
        else mutated_bytes(dice, chunk)
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    stage, booth = Stage(), Booth(limit=8)
    limits = Limits(texts_per_s=1e9, pictures_per_s=1e9)
    with serving(tmp_path_factory.mktemp("live"), [stage], booth, limits=limits) as server:
        yield server, stage, booth


@pytest.mark.slow
def test_no_message_leaves_more_behind_than_a_refusal(house, caplog):
    """Each connection goes on up to its first message that is bad, and is then told so."""
    server, stage, booth = house
    dice = random.Random(16)  # noqa: S311 no secret
    sent = refused = answered = 0
    with witness(server, stage):
        while sent < MESSAGES:
            with Client(server) as client:
                client.say(HELLO)
                client.next("welcome")
                ledger, bad, number = Ledger(), False, 0
                for number in range(1, 25):
                    message = said_by(dice, number)
                    bad = is_bad(message, ledger)
                    client.say(message)
                    sent += 1
                    if bad:
                        break
                client.say({"type": "do", "id": LAST_ID, "what": "key"})
                messages, closed = until_answered(client)
                assert isinstance(closed, Closed) is bad, (message, messages[-3:])
                if bad:
                    assert closed.code in (1007, 1008, 1009)
                    assert messages[-1]["type"] == "refused"
                    refused += 1
                else:
                    answered += 1
                stage.show()
        until(lambda: not booth.open_now)
    assert refused > 500
    assert answered > 20
    assert server.status().refused.keys() <= {"message", "limit"}
    assert caplog.text == ""


def until_answered(client):
    messages = []
    while not isinstance(message := client.take(), Closed):
        messages.append(message)
        if isinstance(message, dict) and message.get("id") == LAST_ID:
            return messages, None
    return messages, message


@pytest.mark.slow
def test_no_hello_does_either(house, caplog):
    server, stage, booth = house
    dice = random.Random(17)  # noqa: S311 no secret
    with witness(server, stage):
        for _ in range(300):
            hello = mutated_json(dice, HELLO)
            with Client(server) as client:
                client.say(hello)
                message = client.take()
                assert message["type"] in ("welcome", "refused")
            stage.show()
        until(lambda: not booth.open_now)
    assert caplog.text == ""


@pytest.mark.slow
def test_no_frame_below_messages_does_either(house, caplog):
    """Opcodes, lengths and masks that are wrong, and what is no web socket at all."""
    server, stage, booth = house
    dice = random.Random(18)  # noqa: S311 no secret
    good = b"".join(
        struct.pack(">BB", 0x80 | opcode, 0x80 | len(payload)) + bytes(4) + payload
        for opcode, payload in (
            (1, b'{"type": "do"}'),
            (2, b"x" * 40),
            (9, b"ping"),
            (8, b"\x03\xe8"),
        )
    )
    with witness(server, stage):
        for n in range(300):
            with Client(server) as client:
                if n % 3:
                    client.say(HELLO)
                client.socket.sendall(mutated_bytes(dice, good))
                if n % 5 == 0:
                    client.socket.shutdown(1)
            stage.show()
        until(lambda: not booth.open_now)
    assert caplog.text == ""
