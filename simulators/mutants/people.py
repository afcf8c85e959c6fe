"""People who give a bug its chance. None of this is a bug."""

from dataclasses import replace
from typing import Any

from device.core.interpret import Proposal
from simulators.mutants.base import put
from simulators.world import technicians


def all_on_one_job() -> None:
    """Everybody has something to say about the same job, and changes their mind about it."""
    proposal_of = vars(technicians)["proposal"]

    def about_one(*arguments: Any) -> Proposal:
        proposal: Proposal = proposal_of(*arguments)
        changes = proposal.kind in {"field.updated", "status.changed", "note.added"}
        return replace(proposal, record="work_order/WO-1") if changes else proposal

    put(technicians, "proposal", about_one)
