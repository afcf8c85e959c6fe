"""Whose bytes are these, and are they what they claim? Everything that must hold before a command is looked at.

Order of the checks: the JSON is strict; the contract fits; the key is enrolled, active and of the right purpose; the
signature fits; tenant, device and person in the payload are those the key was enrolled for.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from shared import commands, strict_json
from shared.commands.base import OFFICE, Command
from shared.envelope import COMMAND_TYPE, BadSignature, Envelope, verify
from shared.problems import Code, Refused
from sync_server.store import Key, Tx


@dataclass(frozen=True, slots=True)
class Admitted:
    """A command that its signer really gave."""

    command: Command
    envelope: Envelope


def read_command(envelope: Envelope) -> Command:
    """The command in an envelope, strictly read. Raises `Refused`."""
    try:
        return commands.read_command(envelope.payload)
    except strict_json.BadJson as error:
        raise Refused(Code.MALFORMED, str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Refused(Code.MALFORMED, f"command field {place}: {first['msg']}") from error


def admit(tx: Tx, envelope: Envelope, tenant: str, device: str) -> Admitted:
    """The command that `device` of `tenant` brings, or `OFFICE` for the server's own.

    Raises:
        Refused: with the code of the first check that failed.
    """
    key = tx.key(envelope.keyid)
    purpose = "office" if device == OFFICE else "technician"
    if key is None or key.tenant != tenant or key.purpose != purpose or key.state != "active":
        raise Refused(Code.UNKNOWN_KEY, f"key {envelope.keyid} may not sign commands here")
    try:
        verify(envelope, COMMAND_TYPE, key.public)
    except BadSignature as error:
        raise Refused(Code.BAD_SIGNATURE, str(error)) from error
    command = read_command(envelope)
    _check_identity(command, key, tenant, device)
    return Admitted(command, envelope)


def _check_identity(command: Command, key: Key, tenant: str, device: str) -> None:
    if command.tenant != tenant or command.device != device:
        raise Refused(Code.NOT_ENROLLED_FOR, "the command names another tenant or device than the one that sent it")
    if device == OFFICE:
        if (command.epoch, command.seq, command.prev) != (None, None, None):
            raise Refused(Code.MALFORMED, "an office command has no chain")
        return
    if (command.device, command.actor) != (key.device, key.actor):
        raise Refused(Code.NOT_ENROLLED_FOR, "the command names another device or person than its key")
    if command.epoch is None or command.seq is None:
        raise Refused(Code.MALFORMED, "a device command needs epoch and seq")
