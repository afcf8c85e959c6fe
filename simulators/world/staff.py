"""What the office's people do, again and again while the server is up.

Rules
1. Each does one thing, on rounds of their own, and sees what the server shows at that moment.
2. They are honest and patient: a clerk asks the supplier before saying what happened there, and only when nothing can
   still be on its way.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from shared.commands.external_decided import ExternalDecided
from shared.ids import id_of
from shared.outcomes import Outcome, Receipt
from shared.problems import Refused
from shared.records import ApprovalChoice, Choice, Record, WriteVerdict
from simulators.loop import current_loop
from simulators.streams import Stream
from simulators.workload import ADMIN, APPROVERS, RESOLVER
from simulators.world.machines import patiently
from simulators.world.options import SERVER, TENANT
from simulators.world.stage import Stage
from simulators.world.supplier import IN_FLIGHT_S_MAX
from sync_server.office import Office

Turn = Callable[[Stream, Office], None]


async def rounds(stage: Stage) -> None:
    """Everybody at the office does their rounds, for ever."""
    turns: dict[str, Turn] = {
        "dispatcher": resolve_all,
        "approver": partial(_approve_all, stage),
        "clerk": _Clerk(stage),
        "reviewer": partial(_review_all, stage),
    }
    async with asyncio.TaskGroup() as everybody:
        for who, turn in turns.items():
            everybody.create_task(_round(stage, who, turn))


async def _round(stage: Stage, who: str, turn: Turn) -> None:
    dice = stage.streams.of(who)
    while True:
        await patiently(stage.centre.hurry, dice.between(*stage.options.habits.rounds_s))
        stage.in_office(partial(turn, dice))


def resolve_all(dice: Stream, office: Office) -> None:
    """Somebody settles conflicts, one side or the other, having looked at the records as they are."""
    for conflict in office.conflicts(TENANT):
        _, body = office.conflict(TENANT, conflict.ref)
        seen = {clash.record: office.record(TENANT, clash.record).version for clash in body.unsettled()}
        choice = dice.choice((Choice.KEEP_MINE, Choice.TAKE_THEIRS))
        receipt = _resolve(office, conflict.ref, choice, seen)
        if receipt is None or receipt.outcome is Outcome.REJECTED:  # what they wanted to keep is gone
            _resolve(office, conflict.ref, Choice.TAKE_THEIRS, seen)


def _resolve(office: Office, conflict: str, choice: Choice, seen: Mapping[str, int]) -> Receipt | None:
    with suppress(Refused):
        return office.resolve(TENANT, RESOLVER, conflict, choice, "looked at it", seen=seen)
    return None


def _approve_all(stage: Stage, dice: Stream, office: Office) -> None:
    """Somebody says yes or no to what waits for that; sometimes two do, and sometimes its laptop is revoked."""
    for approval in office.approvals(TENANT):
        choice = dice.choice((ApprovalChoice.APPROVE, ApprovalChoice.APPROVE, ApprovalChoice.REFUSE))
        if stage.chaos.strikes("revoked_in_approval", SERVER):
            revoke(str(approval.born.device), office)
        decide(office, approval, APPROVERS[0], choice)
        if stage.chaos.strikes("double_approval", SERVER):
            decide(office, approval, APPROVERS[1], dice.choice(tuple(ApprovalChoice)))


def decide(office: Office, approval: Record, approver: str, choice: ApprovalChoice) -> None:
    """An approver answers the question as they see it now; a question that is closed already hears nothing."""
    with suppress(Refused):
        office.decide_approval(TENANT, approver, approval.ref, choice, "", seen=approval.version)


def revoke(device: str, office: Office) -> None:
    """Somebody thinks that a laptop was lost."""
    with suppress(Refused):
        office.revoke_device(TENANT, device, ADMIN, "somebody said it was lost")


def _review_all(stage: Stage, dice: Stream, office: Office) -> None:
    """Laptops that were shut out are looked at and let in again; what was set apart is released or dismissed."""
    for standing in office.devices(TENANT):
        if standing.state != "active" and dice.chance(0.5):
            with suppress(Refused):
                office.readmit_device(TENANT, standing.id, ADMIN, "found again")
    for entry in office.quarantine(TENANT):
        with suppress(Refused):
            act = office.release if dice.chance(0.7) else office.dismiss
            act(TENANT, [entry.command.id], RESOLVER, "asked the technician")


@dataclass
class _Clerk:
    """Settles what the server could not settle with the supplier; knows since when it waits."""

    stage: Stage
    since_s: dict[tuple[str, int], float] = field(default_factory=dict)

    def __call__(self, dice: Stream, office: Office) -> None:
        now_s = current_loop().time()
        for write in office.external_writes(TENANT):
            if now_s - self.since_s.setdefault((write.ref, write.version), now_s) > IN_FLIGHT_S_MAX:
                with suppress(Refused):
                    self._settle(dice, office, id_of(write.ref))

    def _settle(self, dice: Stream, office: Office, command: str) -> None:
        reference = self.stage.supplier.happened(command)
        if reference:
            verdict = ExternalDecided(
                verdict=WriteVerdict.IT_HAPPENED, reference=reference, reason="they have it in their books"
            )
        else:
            word = dice.choice((WriteVerdict.IT_DID_NOT, WriteVerdict.RETRY))
            verdict = ExternalDecided(verdict=word, reason="they know nothing of it")
        office.decide_external(TENANT, RESOLVER, command, verdict)
