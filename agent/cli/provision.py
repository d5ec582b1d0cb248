"""`sfumato provision`: how a device gets a certificate of its own, and renews it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import add_command
from agent.errors import InputError, UsageError
from agent.output_file import check_output_file, write_output_file

if TYPE_CHECKING:
    import argparse

_EPILOG = """\
Three commands, of which the second is the operator's:

  sudo sfumato provision request --device gate-7 --out gate-7.csr
  sfumato ctl provision sign gate-7.csr --ca office-ca --broker broker.example --out gate-7.json
  sudo sfumato provision install gate-7.json

The key never leaves the device: what travels is of no use to anybody else. The same three renew the
certificate; what is in use stays so until a connection with the new one has succeeded. In the
configuration, `mqtt: {identity: /var/lib/sfumato/identity}` is all that it takes, and `device: gate-7`
where the host is called otherwise.

exit codes: 0 done, 2 invalid arguments, 3 the answer isn't for this device, or the broker can't be
reached or doesn't let it in, 4 the folder can't be written to; but for 0 nothing has changed
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `provision` and what stands below it; each sets `run(args) -> exit code`."""
    provision = add_command(subparsers, "provision", "get this device a certificate", _EPILOG)
    commands = provision.add_subparsers(metavar="COMMAND", required=True)

    request = add_command(commands, "request", "make a key that stays here, and ask to certify it")
    request.add_argument(
        "--device", required=True, metavar="NAME", help="this device's: a-z, 0-9 and -"
    )
    request.add_argument("--out", type=Path, required=True, metavar="REQUEST.csr")
    request.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    request.set_defaults(run=_request)

    install = add_command(commands, "install", "connect with what was answered, then keep it")
    install.add_argument("answer", type=Path, metavar="ANSWER.json")
    install.set_defaults(run=_install)

    for command in (request, install):
        command.add_argument(
            "--identity",
            type=Path,
            metavar="FOLDER",
            help="where key and certificates are kept (default: /var/lib/sfumato/identity)",
        )


def _request(args: argparse.Namespace) -> int:
    from agent.cli.owner import as_owner_of
    from agent.control.enrolment import request
    from agent.control.identity import default_folder
    from agent.control.provision_answer import checked_device

    try:
        device = checked_device(args.device)
    except ValueError as error:
        raise UsageError(f"--device {args.device!r:.80} {error}") from error
    folder = args.identity or default_folder(os.environ)
    check_output_file(args.out, overwrite=args.overwrite)
    with as_owner_of(folder):
        asked = request(folder, device)
    write_output_file(args.out, asked.pem, overwrite=args.overwrite)
    key = "a new key" if asked.key_is_new else "the key of the request that waits for its answer"
    print(f"{args.out} asks for a certificate for {device} and {key}, SHA-256 {asked.fingerprint}")
    print("The operator's answer to it: sfumato provision install ANSWER.json")
    return 0


def _install(args: argparse.Namespace) -> int:
    from agent.cli.owner import as_owner_of
    from agent.control.certificate import end_date
    from agent.control.enrolment import install
    from agent.control.identity import default_folder
    from agent.control.provision_answer import ProvisionAnswer
    from agent.control.trial import try_out

    answer = ProvisionAnswer.read(args.answer)
    folder = args.identity or default_folder(os.environ)
    try:
        with as_owner_of(folder):
            identity = install(folder, answer, try_out)
    except InputError as error:
        raise InputError(f"{args.answer}: {error}") from error
    at = f"{identity.broker.host}:{identity.broker.port}"
    end = end_date(identity.certificate_end)
    print(f"{identity.device} has connected to {at}; its certificate ends on {end}")
    print("The agent takes it on with: systemctl reload-or-restart sfumato-agent")
    return 0
