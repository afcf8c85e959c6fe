from typing import Any

import pytest

from shared.commands.base import Command
from shared.envelope import COMMAND_TYPE, WITHDRAWAL_TYPE, BadSignature, SigningKey, seal, verify
from shared.problems import Refused
from shared.statements import Withdrawal, withdraws
from sync_server.reading import read
from tests.builders import JOB, NOW, Person, World, new_id, record

KEY = SigningKey(b"\x07" * 32)
HASH = "ab" * 32


def command() -> Command:
    return Person.at(World.of(record(JOB))).say("note.added", text="x")


def withdrawal(of: Command, **other: Any) -> Withdrawal:
    named = {"tenant": of.tenant, "device": of.device, "actor": of.actor, "command": of.id, "hash": HASH, "at": NOW}
    return Withdrawal.model_validate({**named, **other})


def test_a_withdrawal_survives_the_road_and_means_exactly_its_command() -> None:
    mine = command()
    envelope = seal(WITHDRAWAL_TYPE, withdrawal(mine).to_bytes(), KEY)
    verify(envelope, WITHDRAWAL_TYPE, KEY.public)
    assert withdraws(read(Withdrawal, envelope.payload), mine, HASH)


@pytest.mark.parametrize(
    "other",
    [{"tenant": "u"}, {"device": "TB-02"}, {"actor": "b.lind"}, {"command": new_id()}, {"hash": "cd" * 32}],
)
def test_a_withdrawal_of_anything_else_withdraws_nothing(other: dict[str, str]) -> None:
    mine = command()
    assert not withdraws(withdrawal(mine, **other), mine, HASH)


def test_a_withdrawal_is_no_command_and_a_command_no_withdrawal() -> None:
    mine = command()
    with pytest.raises(BadSignature):
        verify(seal(WITHDRAWAL_TYPE, withdrawal(mine).to_bytes(), KEY), COMMAND_TYPE, KEY.public)
    with pytest.raises(Refused, match="Put right"):
        read(Withdrawal, mine.to_bytes())


def test_a_withdrawal_is_read_as_strictly_as_a_command() -> None:
    raw = withdrawal(command()).to_bytes()
    with pytest.raises(Refused, match="stands twice"):
        read(Withdrawal, raw.replace(b'"tenant":"t"', b'"tenant":"t","tenant":"t"'))
    with pytest.raises(Refused, match=r"(?i)extra"):
        read(Withdrawal, raw[:-1] + b',"extra":1}')
