"""`sfumato ctl provision`: an operator's own CA, and what devices are answered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ValidationError

from agent.cli.arguments import add_command
from agent.control.provision_answer import TLS_PORT, BrokerAddress
from agent.control.topics import ROOT
from agent.errors import UsageError
from agent.output_file import check_output_file, write_output_file

if TYPE_CHECKING:
    import argparse

_EPILOG = """\
Once:

  sfumato ctl provision ca office-ca
  sfumato ctl provision broker-cert broker.example --ca office-ca
  sfumato ctl provision person operator --ca office-ca

For each device, with what `sfumato provision request` wrote there:

  sfumato ctl provision sign gate-7.csr --ca office-ca --broker broker.example --out gate-7.json

docs/provisioning.md shows it all, the broker included. Keep the folder of the CA: its ca.key lets
whoever has it be any device, and without it no certificate is renewed.
"""

_SHOULD = {
    "broker": "HOST or HOST:PORT",
    "root": "words of letters, digits and . _ -, with / between them",
    "groups": "names of a-z, 0-9 and -, with commas between them",
}
_DAYS = 365
_MOST_DAYS = 3650


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `provision` and what stands below it; each sets `run(args) -> exit code`."""
    provision = add_command(subparsers, "provision", "give devices their certificates", _EPILOG)
    commands = provision.add_subparsers(metavar="COMMAND", required=True)

    ca = add_command(commands, "ca", "make a CA of your own in a new folder")
    ca.add_argument("folder", type=Path, metavar="FOLDER")
    ca.set_defaults(run=_ca)

    broker = add_command(commands, "broker-cert", "make the broker's key and certificate")
    broker.add_argument(
        "hosts", nargs="+", metavar="HOST", help="names and addresses that it is reached by"
    )
    broker.set_defaults(run=_broker)

    person = add_command(commands, "person", "make a key and certificate for one of your people")
    person.add_argument(
        "name", metavar="NAME", help="as in the broker's ACL: viewer, operator, release..."
    )
    person.set_defaults(run=_person)

    _add_sign(commands)

    revoke = add_command(commands, "revoke", "have the broker refuse a device, or a person")
    revoke.add_argument(
        "what", metavar="NAME|CERT.crt", help="all certificates of a name, or that of a file"
    )
    revoke.set_defaults(run=_revoke)

    for command in (broker, person, revoke):
        command.add_argument("--ca", type=Path, required=True, metavar="FOLDER")


def _add_sign(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sign = add_command(commands, "sign", "answer the request of a device")
    sign.add_argument("request", type=Path, metavar="REQUEST.csr")
    by = sign.add_mutually_exclusive_group(required=True)
    by.add_argument("--ca", type=Path, metavar="FOLDER", help="a CA of your own signs it")
    by.add_argument(
        "--cert",
        type=Path,
        metavar="FILE",
        help="another CA has signed it; with what lies between the two, PEM",
    )
    sign.add_argument("--broker", required=True, metavar="HOST[:PORT]", help=f"port: {TLS_PORT}")
    sign.add_argument(
        "--broker-ca",
        type=Path,
        metavar="FILE",
        help="CA certificates to trust beside your own; with --cert all of them, PEM",
    )
    sign.add_argument("--root", default=ROOT, help="of all topics (default: %(default)s)")
    sign.add_argument(
        "--update-root",
        type=Path,
        metavar="ROOT.json",
        help="metadata/1.root.json of the repository that models come from, to be kept beside the key",
    )
    sign.add_argument("--groups", metavar="A,B", help="that the device belongs to")
    sign.add_argument(
        "--days", type=int, help=f"that the certificate is valid for (default: {_DAYS})"
    )
    sign.add_argument("--out", type=Path, required=True, metavar="ANSWER.json")
    sign.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    sign.set_defaults(run=_sign)


def _ca(args: argparse.Namespace) -> int:
    from agent.fleet.authority import Authority
    from agent.fleet.revocations import write_revocations

    write_revocations(Authority.make(args.folder))
    print(f"{args.folder} is a CA: ca.crt and crl.pem are for the broker, ca.key for nobody")
    return 0


def _broker(args: argparse.Namespace) -> int:
    from agent.fleet.authority import Authority
    from agent.fleet.provision import certify_broker

    made = certify_broker(Authority(args.ca), args.hosts)
    print(f"{made} and {made.with_suffix('.key')} are the broker's")
    return 0


def _person(args: argparse.Namespace) -> int:
    from agent.fleet.authority import Authority
    from agent.fleet.provision import PERSON_DAYS, certify_person

    made = certify_person(Authority(args.ca), args.name)
    print(f"{made} and {made.with_suffix('.key')} are {args.name}'s, for {PERSON_DAYS} days")
    return 0


def _sign(args: argparse.Namespace) -> int:
    from agent.control.certificate import end_date
    from agent.control.small_file import read_small_file
    from agent.fleet.authority import Authority
    from agent.fleet.provision import Asked

    broker = _broker_address(args)
    if args.cert and (args.broker_ca is None or args.days is not None):
        raise UsageError("--cert needs --broker-ca, and has its days already")
    days = _DAYS if args.days is None else args.days
    if not 1 <= days <= _MOST_DAYS:
        raise UsageError(f"--days {days}: should be 1 to {_MOST_DAYS}")
    check_output_file(args.out, overwrite=args.overwrite)
    asked = Asked(args.request)
    update_root = _update_root(args.update_root)
    trusted = read_small_file(args.broker_ca) if args.broker_ca else b""
    if args.cert:
        chain = asked.signed_elsewhere(args.cert)
    else:
        authority = Authority(args.ca)
        trusted = authority.pem + trusted
        chain = asked.signed(authority, days)
    answer = asked.answer(chain, trusted, broker, update_root)
    write_output_file(args.out, answer.to_json(), overwrite=args.overwrite)
    end = end_date(chain[0].not_valid_after_utc.timestamp())
    print(f"{args.out} answers {asked.device}, whose key's SHA-256 is {asked.fingerprint}")
    print(f"Its certificate ends on {end}")
    return 0


def _update_root(path: Path | None) -> str | None:
    if path is None:
        return None
    from agent.fleet.repository.roles import read_root

    return read_root(path)


def _broker_address(args: argparse.Namespace) -> BrokerAddress:
    groups = tuple(args.groups.split(",")) if args.groups else ()
    try:
        parts = urlsplit(f"//{args.broker}")
        port = TLS_PORT if parts.port is None else parts.port
        return BrokerAddress(host=parts.hostname or "", port=port, root=args.root, groups=groups)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
    except ValueError:  # no such port
        field = "port"
    option = field if field in _SHOULD else "broker"
    raise UsageError(f"--{option} {vars(args)[option]!r:.80} should be {_SHOULD[option]}")


def _revoke(args: argparse.Namespace) -> int:
    from agent.control.certificate import read_chain
    from agent.control.small_file import read_small_file
    from agent.fleet.authority import Authority
    from agent.fleet.revocations import revoke

    authority = Authority(args.ca)
    certificates = [*authority.issued(args.what)]
    if not certificates:
        path = Path(args.what)
        if not path.is_file():
            raise UsageError(f"{args.what}: no certificate was issued for it, and no such file")
        certificates = read_chain(read_small_file(path), args.what)[:1]
    added = revoke(authority, certificates)
    print(f"{added} of {len(certificates)} certificates of {args.what} newly revoked")
    print(f"The broker refuses them with a copy of {args.ca / 'crl.pem'}, once it has read it anew")
    return 0
