"""Whose bytes are these, and are they what they claim? Everything that must hold before a command is looked at.

Rules
1. Order of the checks: the JSON is strict; the contract fits; the key is enrolled and of the right purpose; tenant,
   device and person in the payload are those the key was enrolled for; the signature fits.
2. Every command carries the hash of the one before it in its device's chain. So in a run of commands by one key, each
   linked to the next, a signature that fits authenticates its command and all that the run holds before it.
   Signatures are tried from the end of the run, and one is enough (ADR 15).
"""

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from shared import commands, strict_json
from shared.commands.base import OFFICE, Command
from shared.envelope import COMMAND_TYPE, BadSignature, Envelope, verify
from shared.problems import Code, Problem, Refused
from shared.values import value
from sync_server.store import Key, Tx


@value(frozen=True, slots=True)
class Admitted:
    """A command that its signer really gave."""

    command: Command
    envelope: Envelope


@value(frozen=True, slots=True)
class _Claimed:
    """A readable command whose signature has not been tried yet."""

    place: int
    command: Command
    envelope: Envelope
    key: Key


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


class Admission:
    """Admits what one device of one tenant brings, or `OFFICE` for the server's own commands."""

    def __init__(self, tx: Tx, tenant: str, device: str) -> None:
        self._tx, self._tenant, self._device = tx, tenant, device
        self._keys: dict[str, Key | None] = {}

    def admit(self, envelope: Envelope) -> Admitted:
        """The command in `envelope`. Raises `Refused` with the code of the first check that failed."""
        (answer,) = self.admit_all([envelope])
        if isinstance(answer, Problem):
            raise Refused(answer.code, answer.detail)
        return answer

    def admit_all(self, envelopes: Sequence[Envelope]) -> list[Admitted | Problem]:
        """For each of `envelopes`, in their order: the command, or the first check that failed."""
        answers: list[Admitted | Problem | None] = [None] * len(envelopes)
        claimed: list[_Claimed] = []
        for place, envelope in enumerate(envelopes):
            try:
                claimed.append(self._claim(place, envelope))
            except Refused as refused:
                answers[place] = refused.problem
        for run in _runs(claimed):
            for each, answer in _authenticated(run):
                answers[each.place] = answer
        return [answer for answer in answers if answer is not None]

    def key(self, keyid: str) -> Key:
        """The key that may sign commands here. Raises `Refused` if it may not."""
        if keyid not in self._keys:
            self._keys[keyid] = self._tx.key(keyid)
        key = self._keys[keyid]
        purpose = "office" if self._device == OFFICE else "technician"
        if key is None or key.tenant != self._tenant or key.purpose != purpose:
            raise Refused(Code.UNKNOWN_KEY, f"key {keyid} may not sign commands here")
        return key

    def _claim(self, place: int, envelope: Envelope) -> _Claimed:
        key = self.key(envelope.keyid)
        if envelope.payload_type != COMMAND_TYPE:
            raise Refused(Code.BAD_SIGNATURE, f"signed for {envelope.payload_type!r}, not for a command")
        command = read_command(envelope)
        _check_identity(command, key, self._tenant, self._device)
        return _Claimed(place, command, envelope, key)


def _runs(claimed: Sequence[_Claimed]) -> Iterator[list[_Claimed]]:
    """Split into stretches in which each command names the one before it."""
    run: list[_Claimed] = []
    for each in claimed:
        if run and not _follows(run[-1], each):
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _follows(before: _Claimed, after: _Claimed) -> bool:
    return after.key.keyid == before.key.keyid and after.command.prev == before.envelope.hash


def _authenticated(run: Sequence[_Claimed]) -> Iterator[tuple[_Claimed, Admitted | Problem]]:
    proven = False
    for each in reversed(run):
        try:
            if not proven:
                verify(each.envelope, COMMAND_TYPE, each.key.public)
                proven = True
            yield each, Admitted(each.command, each.envelope)
        except BadSignature as error:
            yield each, Refused(Code.BAD_SIGNATURE, str(error)).problem


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
