"""Conflicts: two values that could not both stand, decided as a whole or field by field.

Rules
1. A decision rests on what the conflict shows: if a field changed since, the decision is stale.
2. A decision can be taken back as long as nobody changed what it made.
3. What would close safety-critical work is decided like everything that does: somebody else must approve it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from shared.commands.conflict_resolved import ConflictResolved, Place, place_of
from shared.commands.question_asked import QuestionAsked
from shared.commands.resolution_undone import ChangedSince, ResolutionUndone, restoration
from shared.ids import id_of, record_ref
from shared.outcomes import FieldName, Receipt
from shared.problems import Code, Refused
from shared.records import Choice, Clash, Conflict, ConflictStatus, Record, Settlement
from sync_server.office.base import OfficePart, ref_of


@dataclass(frozen=True, slots=True)
class Pick:
    """What shall become of a clash; `value` is for `Choice.EDIT`."""

    choice: Choice
    value: JsonValue = None


class Conflicts(OfficePart):
    """Conflicts."""

    def conflicts(self, tenant: str, *, everything: bool = False) -> list[Record]:
        """The open conflicts, or all of them."""
        found = self.records(tenant, "conflict")
        return [each for each in found if everything or each.fields["status"] == ConflictStatus.OPEN]

    def conflict(self, tenant: str, named: str) -> tuple[Record, Conflict]:
        """One conflict, by its reference or its command's id. Raises `Refused` if there is none."""
        record = self.record(tenant, ref_of("conflict", named))
        return record, Conflict.model_validate(record.fields)

    def resolve(
        self,
        tenant: str,
        actor: str,
        conflict: str,
        choice: Choice,
        reason: str,
        value: JsonValue = None,
        *,
        seen: Mapping[str, int] | None = None,
    ) -> Receipt:
        """Settle every clash of a conflict that still waits the same way; see `settle`.

        `Choice.ASK` leaves it open and asks the technician; `reason` is then the question.
        """
        if choice is Choice.ASK:
            return self.ask(tenant, actor, conflict, reason)
        _, body = self.conflict(tenant, conflict)
        waiting = body.unsettled()
        if choice is Choice.EDIT and len(waiting) > 1:
            raise Refused(Code.MALFORMED, "this conflict has several clashes; name the field that the value is for")
        picks = {place_of(clash): Pick(choice, value) for clash in waiting}
        return self.settle(tenant, actor, conflict, picks, reason, seen=seen)

    def settle(
        self,
        tenant: str,
        actor: str,
        conflict: str,
        picks: Mapping[Place, Pick],
        reason: str,
        *,
        seen: Mapping[str, int] | None = None,
    ) -> Receipt:
        """Settle some or all clashes of a conflict, each its own way.

        `seen` tells the version of each record that the person looked at since; of any other they know what the
        conflict shows and no more, so that a later change of the field makes the decision stale.
        """
        record, body = self.conflict(tenant, conflict)
        waiting = {place_of(clash): clash for clash in body.unsettled()}
        if not picks or not picks.keys() <= waiting.keys():
            raise Refused(Code.MALFORMED, f"nothing of that waits for a decision in {id_of(record.ref)}")
        settlements = tuple(_settlement(waiting[place], pick) for place, pick in picks.items())
        try:
            closes = len(picks) == len(waiting)
            payload = ConflictResolved(settlements=settlements, reason=reason, closes=closes)
        except ValueError as error:
            raise Refused(Code.MALFORMED, "the reason has more than 400 characters") from error
        clashes = [waiting[place] for place in picks]
        looked_at = {
            f"{each.record}:{each.field}": (seen or {}).get(each.record, self._shown(tenant, body, each))
            for each in clashes
        }
        return self._give(tenant, actor, [(record.ref, payload)], looked_at)[0]

    def _shown(self, tenant: str, body: Conflict, clash: Clash) -> int:
        """The version at which a field is what its conflict shows: when it clashed, or when a decision was undone."""
        stamp = self.record(tenant, clash.record).stamp(clash.field)
        return stamp.version if stamp.command in {entry.command for entry in body.settled} else clash.version

    def undo(
        self, tenant: str, actor: str, conflict: str, reason: str, places: Collection[Place] | None = None
    ) -> Receipt:
        """Take back what was settled, all of it or at `places`: the values from before stand, the conflict waits.

        Raises:
            Refused: nothing of that is settled, or a field changed since.
        """
        record, body = self.conflict(tenant, conflict)
        standing = body.standing()
        chosen = list(standing) if places is None else list(places)
        if not chosen or not {*chosen} <= standing.keys():
            raise Refused(Code.MALFORMED, f"nothing of that is settled in {id_of(record.ref)}")
        entries = [standing[place] for place in chosen]
        try:
            restored = restoration(body, entries, {ref: self.record(tenant, ref) for ref, _ in chosen})
            taken_back = tuple(Settlement(**each.model_dump(include={*Settlement.model_fields})) for each in entries)
            payload = ResolutionUndone(settlements=taken_back, restored=restored, reason=reason)
        except ChangedSince as error:
            raise Refused(Code.STALE, f"{error}; decide anew by setting the field") from error
        except ValueError as error:
            raise Refused(Code.MALFORMED, "the reason has more than 400 characters") from error
        return self._give(tenant, actor, [(record.ref, payload)])[0]

    def ask(self, tenant: str, actor: str, ref: str, text: str, about: Place | None = None) -> Receipt:
        """Ask the technician about a work order, a conflict, or one clash of a conflict, which stays open."""
        subject = ref if "/" in ref else record_ref("conflict", ref)
        clash = FieldName(record=about[0], field=about[1]) if about else None
        try:
            payload = QuestionAsked(text=text, about=clash)
        except ValueError as error:
            raise Refused(Code.MALFORMED, "a question has 1 to 4000 characters") from error
        return self._give(tenant, actor, [(self.record(tenant, subject).ref, payload)])[0]


def _settlement(clash: Clash, pick: Pick) -> Settlement:
    sides = {Choice.KEEP_MINE: clash.mine.value, Choice.TAKE_THEIRS: clash.theirs.value}
    value = sides.get(pick.choice, pick.value)
    return Settlement(record=clash.record, field=clash.field, choice=pick.choice, value=value)
