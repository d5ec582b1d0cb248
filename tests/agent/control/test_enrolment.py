"""How a device gets an identity; whether a broker lets it in is asked of `Door`."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from office import Office

from agent.control.enrolment import install, request
from agent.control.identity import Identity
from agent.control.provision_answer import ProvisionAnswer
from agent.control.slots import Slots
from agent.errors import InputError, UsageError


class Door:
    """A broker that lets everybody in, or nobody, and counts who came."""

    def __init__(self, *, closed=False):
        self.closed = closed
        self.came = []

    def __call__(self, identity):
        self.came.append(identity)
        if self.closed:
            raise InputError("nobody listens")


def snapshot(folder):
    """All that is in a folder."""
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def test_a_key_is_made_once_until_it_is_answered(folder):
    first = request(folder, "gate-7")
    second = request(folder, "gate-7")
    assert (first.key_is_new, second.key_is_new) == (True, False)
    assert first.pem == second.pem
    assert first.fingerprint == second.fingerprint


def test_a_request_under_another_name_is_for_the_same_key(folder, office):
    first = request(folder, "gate-7")
    second = request(folder, "gate-8")
    assert first.fingerprint == second.fingerprint
    with pytest.raises(InputError, match="is for the device gate-7, but gate-8 was asked for"):
        install(folder, office.answer(first.pem), Door())
    assert install(folder, office.answer(second.pem), Door()).device == "gate-8"


def test_an_answer_is_in_use_once_it_was_tried_and_not_before(folder, office):
    answer = office.answer(request(folder, "gate-7").pem)
    before = []

    def door(identity):
        before.append((identity, Slots(folder).current))

    identity = install(folder, answer, door)
    assert before == [(identity, None)]
    assert Identity.read(folder) == identity


def test_what_does_not_connect_never_replaces_what_does(folder, office):
    old = office.provision(folder)
    answer = office.answer(request(folder, "gate-7").pem)
    door = Door(closed=True)
    for _ in range(2):
        with pytest.raises(InputError, match="nobody listens"):
            install(folder, answer, door)
        assert Identity.read(folder) == old
    assert [came.serial != old.serial for came in door.came] == [True, True]
    door.closed = False
    assert install(folder, answer, door) == Identity.read(folder) != old


def test_each_renewal_has_a_key_of_its_own_and_the_slots_take_turns(folder, office):
    slots, keys = [], []
    for _ in range(4):
        asked = request(folder, "gate-7")
        assert asked.key_is_new
        keys.append(asked.fingerprint)
        install(folder, office.answer(asked.pem), Door())
        slots.append(Slots(folder).current.name)
    assert slots == ["slot-a", "slot-b", "slot-a", "slot-b"]
    assert len(set(keys)) == 4


def test_a_request_can_be_answered_again_once_it_is_in_use(folder, office):
    asked = request(folder, "gate-7")
    first = install(folder, office.answer(asked.pem), Door())
    second = install(folder, office.answer(asked.pem), Door())
    assert second == Identity.read(folder)
    assert first.serial != second.serial
    assert request(folder, "gate-7").key_is_new


def test_while_a_request_waits_an_answer_to_the_one_before_is_refused(folder, office):
    first = request(folder, "gate-7")
    install(folder, office.answer(first.pem), Door())
    request(folder, "gate-7")
    with pytest.raises(InputError, match="another key than that of the request which waits"):
        install(folder, office.answer(first.pem), Door())


def stolen(folder, office, tmp_path):
    request(folder, "gate-7")
    return office.answer(request(tmp_path / "victim", "gate-7").pem), "another key than that of"


def for_nobody_who_asked(_, office, tmp_path):
    answer = office.answer(request(tmp_path / "victim", "gate-7").pem)
    return answer, "no request waits for an answer: run `sfumato provision request`"


def for_a_key_that_is_gone(folder, office, tmp_path):
    office.provision(folder)
    answer = office.answer(request(tmp_path / "victim", "gate-7").pem)
    return answer, "another device's key"


def of_another_ca(folder, office, tmp_path):
    other = Office(tmp_path / "other-office")
    answer = other.answer(request(folder, "gate-7").pem)
    ca = office.answer(request(folder, "gate-7").pem).ca
    return answer.model_copy(update={"ca": ca}), "was not issued by any CA that comes with it"


def under_another_name(folder, office, _):
    answer = office.answer(request(folder, "gate-7").pem)
    return answer.model_copy(
        update={"device": "gate-8"}
    ), "is for gate-8, but its certificate isn't"


def expired(folder, office, _):
    answer = office.answer(request(folder, "gate-7").pem)
    return dated(answer, office, -10, -2), "expired on .*; have the request signed again"


def not_yet_valid(folder, office, _):
    answer = office.answer(request(folder, "gate-7").pem)
    return dated(answer, office, 2, 10), "this clock says .*; set the clock first"


def dated(answer, office, first_day, last_day):
    """The same certificate, valid at another time."""
    given = x509.load_pem_x509_certificate(answer.certificate.encode())
    now = dt.datetime.now(dt.timezone.utc)
    builder = (
        x509.CertificateBuilder(
            given.issuer, given.subject, given.public_key(), given.serial_number
        )
        .not_valid_before(now + dt.timedelta(first_day))
        .not_valid_after(now + dt.timedelta(last_day))
    )
    pem = builder.sign(office.authority.key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return answer.model_copy(update={"certificate": pem.decode()})


@pytest.mark.parametrize(
    "wrong",
    [
        stolen,
        for_nobody_who_asked,
        for_a_key_that_is_gone,
        of_another_ca,
        under_another_name,
        expired,
        not_yet_valid,
    ],
)
def test_a_wrong_answer_is_refused_before_anybody_is_asked(wrong, folder, office, tmp_path):
    answer, said = wrong(folder, office, tmp_path)
    door, before = Door(), snapshot(folder)
    with pytest.raises(InputError, match=said) as raised:
        install(folder, answer, door)
    assert "\n" not in str(raised.value)
    assert door.came == []
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{}",
        b'{"v": 2}',
        b"-----BEGIN CERTIFICATE-----\n",
        b"x" * (1 << 19),
    ],
    ids=["empty", "binary", "nested", "nothing", "newer", "a certificate", "huge"],
)
def test_what_is_no_answer_is_told_in_one_line(text, tmp_path):
    path = tmp_path / "answer.json"
    path.write_bytes(text)
    with pytest.raises(InputError) as raised:
        ProvisionAnswer.read(path)
    said = str(raised.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    assert len(said) < 500


def test_a_damaged_answer_is_told_in_one_line(folder, office, tmp_path):
    text = office.answer(request(folder, "gate-7").pem).to_json()
    path, said = tmp_path / "answer.json", []
    for place in range(0, len(text) - 2, 97):
        path.write_bytes(text[:place] + b"#" + text[place + 1 :])
        with pytest.raises(InputError) as raised:
            install(folder, ProvisionAnswer.read(path), Door(closed=True))
        said.append(str(raised.value))
    assert [line for line in said if "\n" in line] == []
    assert len(said) - said.count("nobody listens") >= 10
    assert Slots(folder).current is None
    path.write_bytes(text)
    install(folder, ProvisionAnswer.read(path), Door())


@pytest.mark.parametrize("name", ["device.key", "request.csr"])
def test_a_request_that_is_damaged_while_it_waits_is_begun_anew(name, folder, office):
    first = request(folder, "gate-7")
    (folder / "slot-a" / name).write_bytes(b"")
    with pytest.raises(InputError, match="no request waits for an answer"):
        install(folder, office.answer(first.pem), Door())
    second = request(folder, "gate-7")
    assert second.key_is_new
    install(folder, office.answer(second.pem), Door())


def test_two_at_once_do_not_mix(folder, office):
    answer = office.answer(request(folder, "gate-7").pem)

    def door(_):
        with pytest.raises(UsageError, match="another `sfumato provision` is at work"):
            request(folder, "gate-7")

    install(folder, answer, door)
