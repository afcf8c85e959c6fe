"""``external.decided``: a person settles a write that the server could not settle alone."""

from typing import Annotated

from pydantic import Field, JsonValue, model_validator

from shared.commands.base import Command, Edit, Effect, Kind, Payload, Records, Role
from shared.ids import id_of
from shared.records import WriteStatus, WriteVerdict, waits_for_a_person

_STATUS = {
    WriteVerdict.IT_HAPPENED: WriteStatus.DONE,
    WriteVerdict.IT_DID_NOT: WriteStatus.REFUSED,
    WriteVerdict.RETRY: WriteStatus.QUEUED,
}


class ExternalDecided(Payload):
    """What a person found out: it happened (under `reference`), it did not and shall not, or it shall be tried again.

    A retry is a person's word that nothing happened so far; the system is looked up once more before anything is
    sent.
    """

    kind = Kind(
        "external.decided", 1, "external_write", "Decide external write", frozenset({Role.RESOLVER, Role.ADMIN})
    )

    verdict: WriteVerdict
    reference: Annotated[str, Field(max_length=200)] = ""
    reason: Annotated[str, Field(min_length=1, max_length=400)]

    @model_validator(mode="after")
    def _reference_goes_with_what_happened(self) -> "ExternalDecided":
        if bool(self.reference) != (self.verdict is WriteVerdict.IT_HAPPENED):
            raise ValueError("a reference goes with it_happened, and only with it")
        return self

    @property
    def status(self) -> WriteStatus:
        """The status that the verdict gives the write."""
        return _STATUS[self.verdict]

    def effects(self, command: Command) -> tuple[Effect, ...]:
        """The new status, with who decided it and why."""
        told: dict[str, JsonValue] = {"decided_by": command.actor, "reason": self.reason}
        if self.reference:
            told["reference"] = self.reference
        return (
            Edit(command.record, "status", self.status),
            *(Edit(command.record, name, value, decided=True) for name, value in told.items()),
        )

    def objection(self, command: Command, records: Records) -> str | None:
        """Only what waits for a person can be decided by one."""
        fields = records[command.record].fields
        return None if waits_for_a_person(fields) else f"{command.record} is {fields['status']}; it waits for nobody"

    def summary(self, label: str) -> str:
        """The verdict."""
        return f"{id_of(label) or label}: {self.verdict.replace('_', ' ')} {self.reference}".rstrip()
