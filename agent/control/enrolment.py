"""Enrolment: how a device gets an identity, and renews it, without its key ever leaving it.

`request` makes a key in the spare slot, and asks; `install` takes the answer, and has the slot be
in use once a connection with it has succeeded. A request that waits for its answer is a spare slot
with a `request.csr`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agent.control.certificate import (
    check_descent,
    check_time,
    common_name,
    fingerprint,
    has_key,
    read_chain,
    read_key,
    read_request,
)
from agent.control.identity import ADDRESS, CA, CERTIFICATE, KEY, UPDATE_ROOT, Identity
from agent.control.key_file import make_key
from agent.control.slots import Slots, write_in_slot
from agent.control.small_file import read_small_file
from agent.errors import InputError
from models.part_file import sweep

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from agent.control.provision_answer import ProvisionAnswer

_REQUEST = "request.csr"


@dataclass(frozen=True, slots=True)
class Request:
    """What a device asks an operator to sign.

    Attributes:
        pem: a certificate signing request.
        fingerprint: of the key that it is for, SHA-256.
        key_is_new: it was made now; else an earlier request, still unanswered, was for it too.
    """

    pem: bytes
    fingerprint: str
    key_is_new: bool


def request(folder: Path, device: str) -> Request:
    """Ask for a certificate; what is in use stays in use.

    Raises:
        UsageError: another process is at work in the folder.
        OutputError: it can't be written to.
    """
    slots = Slots(folder)
    with slots.changing():
        waiting = _waiting(slots.spare)
        key = make_key(slots.empty_spare() / KEY) if waiting is None else waiting[0]
        path = slots.spare / _REQUEST
        if waiting is None or waiting[1] != device:
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
            asked = x509.CertificateSigningRequestBuilder().subject_name(subject)
            write_in_slot(path, asked.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return Request(path.read_bytes(), fingerprint(key.public_key()), waiting is None)


def install(folder: Path, answer: ProvisionAnswer, try_out: Callable[[Identity], None]) -> Identity:
    """Have what an operator answered be in use, if it connects; else what was, stays.

    Args:
        try_out: connects with an identity, or raises InputError.

    Raises:
        InputError: the answer isn't for this device's key and name, its CA did not issue the
            certificate, or `try_out` failed.
        UsageError: another process is at work in the folder.
        OutputError: it can't be written to.
    """
    slots = Slots(folder)
    chain = read_chain(answer.certificate.encode(), "the answer's certificate")
    ca = read_chain(answer.ca.encode(), "the answer's CA")
    check_descent(chain, ca)
    check_time(chain[0], time.time())
    if common_name(chain[0].subject, "the answer's certificate") != answer.device:
        raise InputError(f"the answer is for {answer.device}, but its certificate isn't")
    with slots.changing():
        slot = _slot_for(slots, chain[0], answer.device)
        sweep(slot)
        write_in_slot(slot / CA, answer.ca.encode())
        write_in_slot(slot / CERTIFICATE, answer.certificate.encode())
        write_in_slot(slot / ADDRESS, answer.broker.model_dump_json().encode())
        identity = Identity.of_slot(slot)
        try_out(identity)
        if answer.update_root is not None:
            write_in_slot(folder / UPDATE_ROOT, answer.update_root.encode())
        if slots.current is not None:  # or it would wait for an answer once it is spare
            (slots.current / _REQUEST).unlink(missing_ok=True)
        slots.switch()
        return identity


def _slot_for(slots: Slots, certificate: x509.Certificate, device: str) -> Path:
    """The spare slot, with the key that a certificate is for."""
    spare, current, waiting = slots.spare, slots.current, _waiting(slots.spare)
    if waiting is not None:
        key, asked = waiting
        if not has_key(certificate, key.public_key()):
            raise InputError(
                f"the answer is for another key than that of the request which waits in {spare}; "
                "send that one to the operator: `sfumato provision request` writes it again"
            )
        if asked != device:
            raise InputError(f"the answer is for the device {device}, but {asked} was asked for")
        return spare
    if current is None:
        raise InputError("no request waits for an answer: run `sfumato provision request` first")
    if not has_key(certificate, read_key(current / KEY).public_key()):
        raise InputError(
            "the answer is for another device's key, or for one that this device has no more; "
            "run `sfumato provision request`"
        )
    if (named := Identity.of_slot(current).device) != device:
        raise InputError(f"the answer is for the device {device}, but this one is {named}")
    write_in_slot(slots.empty_spare() / KEY, read_small_file(current / KEY))
    return spare


def _waiting(slot: Path) -> tuple[EllipticCurvePrivateKey, str] | None:
    """Key and device of a request that waits for its answer; None: none does, or it is damaged."""
    path = slot / _REQUEST
    try:
        subject = read_request(read_small_file(path), str(path)).subject
        return read_key(slot / KEY), common_name(subject, str(path))
    except InputError:
        return None
