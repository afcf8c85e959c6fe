"""What one decision depends on, gathered from what the unit knows and has decided."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from reconciliation.decide import Draft, Facts, Past, refs_of
from reconciliation.scope import visible
from shared.attachments import Attachment
from shared.commands.base import OFFICE, Command, Creation
from shared.ids import record_ref
from shared.outcomes import Outcome
from shared.records import Conflict, ConflictStatus, Record
from sync_server.batch.decided import Decided
from sync_server.batch.known import Known
from sync_server.file_rights import may_have
from sync_server.store import Entry, Person

#: A record longer than this takes nothing more in: devices must still be able to read a page with it.
RECORD_CHARS_MAX = 3 << 20


def facts_of(entry: Entry, known: Known, decided: Decided, now: datetime) -> Facts:
    """Everything that the ruling on `entry` depends on at `now`. Raises `UnknownKind`."""
    command, withdrawn = entry.command, known.withdrawn(entry)
    # what was taken back is not read: nobody here may be able to
    draft = None if withdrawn else known.draft(command)
    refs = frozenset({command.record}) if withdrawn else known.refs(command)
    records = known.records(refs)
    person = known.person(command.actor)
    return Facts(
        command=command,
        roles=person.roles if person else frozenset(),
        records=records,
        past={need: _past(need, known, decided) for need in command.needs},
        received_at=entry.received_at,
        hash=entry.envelope.hash,
        draft=draft,
        withdrawn=withdrawn,
        in_scope=command.device == OFFICE or _in_scope(person, draft, records),
        doubtful=entry.doubtful,
        lacks=_lacking(command, draft.payload.attachments(), known) if draft else (),
        approval=_approval(entry, known),
        now=now,
        offset=timedelta(seconds=entry.offset_s),
        full=_full(refs, len(entry.envelope.payload), known),
        newest=known.newest(),
        guarded=draft is not None and known.asks(known.tx, draft, now),
        stands_for=decided.stands_for(command.id) if _may_stand_for_another(command, draft) else None,
    )


def _may_stand_for_another(command: Command, draft: Draft | None) -> bool:
    """Only what the office gives does, and it matters only where something is written outside."""
    return command.device == OFFICE and draft is not None and draft.payload.kind.system is not None


def _full(refs: frozenset[str], more: int, known: Known) -> frozenset[str]:
    """The records that would be too large with about `more` characters more."""
    sizes = known.sizes
    return frozenset([ref for ref in refs if sizes.get(ref, 0) + more > RECORD_CHARS_MAX])


def _approval(entry: Entry, known: Known) -> Record | None:
    return None if entry.hold is None else known.record(record_ref("approval", entry.command.id))


def _lacking(command: Command, files: tuple[Attachment, ...], known: Known) -> tuple[str, ...]:
    """The sha256 of those of its files that are not here yet; from now on their bytes are taken."""
    if not files:
        return ()
    known.tx.name_blobs(known.tenant, command, files)
    lacking = known.tx.lacking(known.tenant, files)
    if command.device == OFFICE:
        return lacking
    here = {file.sha256 for file in files} - set(lacking)
    return tuple(sorted({*lacking, *(each for each in here if not _may_name(command, each, known))}))


def _may_name(command: Command, sha256: str, known: Known) -> bool:
    """Whether a file that is here is the author's to name: naming it gives nobody the file."""
    blob = known.tx.blob(known.tenant, sha256, known.new)
    return blob is not None and may_have(known.tx, known.tenant, command.actor, sha256, blob)


def _past(command_id: str, known: Known, decided: Decided) -> Past:
    told = known.told(command_id)
    if told is not None and told.outcome is not Outcome.CONFLICT:
        return Past(told.outcome, versions=told.versions)
    entry = known.entry(command_id)
    if entry is None:
        return Past(known=False)
    settled = decided.settled.get(command_id)
    outcome = settled.ruling.outcome if settled else entry.outcome
    if outcome is not Outcome.CONFLICT:
        return Past(outcome, versions=decided.versions_of(command_id))
    ref = decided.conflict_of(command_id)
    assert ref is not None, "such an outcome names its conflict"
    conflict = known.record(ref)
    assert conflict is not None, "records are never dropped"
    if conflict.fields["status"] != ConflictStatus.RESOLVED:
        return Past(outcome)
    return Past(outcome, resolved=True, versions=_settled_at(conflict, decided))


def _settled_at(conflict: Record, decided: Decided) -> dict[str, int]:
    """The versions that the settlements of a conflict produced, in whatever number of commands."""
    standing = Conflict.model_validate(conflict.fields).standing().values()
    commands = {conflict.stamp("status").command, *(entry.command for entry in standing)}
    versions: dict[str, int] = {}
    for command_id in filter(None, commands):
        for ref, version in decided.versions_of(command_id).items():
            versions[ref] = max(version, versions.get(ref, 0))
    return versions


def _in_scope(person: Person | None, draft: Draft | None, records: Mapping[str, Record]) -> bool:
    """Whether somebody may see everything that a command is about, and what it would create."""
    teams = person.teams if person else None
    if teams is None or draft is None:
        return True
    created = {effect.fields.get("team") for effect in draft.effects if isinstance(effect, Creation)}
    if created - {None} - teams:
        return False
    return all(visible(records[ref], teams) for ref in refs_of(draft) if ref in records)
