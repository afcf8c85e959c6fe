"""Everything that a technician can do, without a screen: the TUI, the command line and the simulator call this.

Rules
1. What is shown is the view: the replica with the pending commands replayed on it.
2. Nothing becomes a command until `confirm`; a proposal, whoever made it, has no effect.
3. A route decision is recorded before a model is asked.
4. `confirm` returns after the commit: then, and only then, may a screen say that something is saved.
5. What was not sent can be taken back, with everything that rests on it; it is still sent, with its author's signed
   withdrawal, so that the chain has no hole. What came back can be given again, as a new command from what is seen
   today, or dropped. Nothing disappears.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from textwrap import shorten

from pydantic import JsonValue

from device.agent import issue_now
from device.attachments import Attachments, read_file
from device.core.bounds import refusal
from device.core.certainty import sure_answer
from device.core.interpret import Interpretation, Proposal, ask_for, check_note, read
from device.core.trend import Trend, trends
from device.errors import LocalError
from device.keys import DeviceKeys
from device.listed import OPEN_STATES, JobList, Jobs
from device.model.port import LanguageModel, Watch
from device.odd import odd
from device.recourse import not_come_back, not_taken_back
from device.routes import Question, Routes
from device.store import UNSETTLED, DeviceStore, Identity, Item, JournalEntry, Lost, State
from device.updates.bundles import Ruling
from device.words import fate, happened, named, number, task_words, value_of
from reconciliation.compose import Author, compose_draft
from reconciliation.dependants import dependants
from reconciliation.expiry import LIMITS, confirmable, warning
from reconciliation.lifecycle import steps
from reconciliation.preview import Preview, preview
from reconciliation.rebase import View, rebase
from shared.attachments import Attachment
from shared.commands import CATALOGUE, UnknownKind, payload_class, read_payload
from shared.commands.attachment_added import AttachmentAdded
from shared.commands.base import Authority, Command, Payload, read_command
from shared.commands.checklist_item_done import checklist
from shared.commands.note_added import NoteAdded
from shared.commands.question_answered import QuestionAnswered
from shared.commands.reading_recorded import ReadingRecorded
from shared.contract import to_instant
from shared.envelope import COMMAND_TYPE, WITHDRAWAL_TYPE, seal
from shared.ids import id_of, kind_of
from shared.outcomes import Standing
from shared.ports import Ports
from shared.records import (
    AnswerEntry,
    AssistTask,
    Conflict,
    ExternalWrite,
    Limit,
    Merge,
    QuestionEntry,
    Reading,
    Record,
    Stamp,
    WorkOrder,
    rule_of,
)
from shared.routing import Decision, Route, highest
from shared.statements import Withdrawal
from shared.vocabulary import Vocabulary

#: How fields merge that hold one value, which one person set last.
_ONE_VALUE = frozenset({Merge.REGISTER, Merge.NEWEST, Merge.TRANSITION})


@dataclass(frozen=True, slots=True)
class Status:
    """What the status bar says.

    `link_since` is when the person chose to work online or offline, None if never; `data_as_of` is the server's time
    of the last successful round. `shut_out` is why the server takes what is brought and tells nothing; `expiring` how
    much time is left for each command for which that is little; `lost` what was damaged on this laptop's disk.
    """

    identity: Identity
    online: bool
    link_since: datetime | None
    data_as_of: datetime | None
    last_error: str | None
    counts: Mapping[Standing, int]
    model: str | None
    shut_out: str | None = None
    expiring: Mapping[str, timedelta] = field(default_factory=dict)
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal with what it would change; `preview.obstacle` says why it cannot be confirmed."""

    proposal: Proposal
    summary: str
    preview: Preview


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the office about `record`, with what was answered so far.

    `about` is what a person knows the record by: for a conflict that of the job.
    """

    record: str
    about: str
    question: QuestionEntry
    answers: tuple[AnswerEntry, ...]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One thing that happened on a job. `standing` is None for what the server already holds."""

    at: datetime
    who: str
    what: str
    standing: Standing | None = None


class Workbench:
    """One enrolled, unlocked device."""

    def __init__(
        self,
        store: DeviceStore,
        identity: Identity,
        keys: DeviceKeys,
        routes: Routes,
        ports: Ports,
        attachments: Attachments,
    ) -> None:
        self.identity, self.routes = identity, routes
        self._attachments = attachments
        self.model: LanguageModel | None = None
        #: What the organisation's shorthand means, if anything is known of it.
        self.vocabulary: Callable[[], Vocabulary | None] = lambda: None
        self._store, self._keys, self._ports = store, keys, ports
        self._view: View | None = None
        self._list = JobList()
        self._view_of: tuple[int, int] | None = None

    @property
    def policy_version(self) -> str:
        """The version of the policy bundle in force."""
        return self.routes.bundle.version

    def rule_by(self, ruling: Ruling) -> None:
        """Decide by other bundles from now on; the office hears of it when the next session begins."""
        self.routes.ruling = ruling
        self._store.set_meta("bundle", ruling.bundle.version)

    # -- looking

    def view(self) -> View:
        """What the technician sees. Do not change it; it is shared until the next change."""
        with self._store.transaction():
            generation = self._store.generation()
            if self._view is None or generation != self._view_of:
                replica = self._store.replica()
                self._view = rebase(replica, self._store.pending(replica))
                self._view_of = generation
        return self._view

    def jobs(self) -> list[Record]:
        """The work orders, open ones first, then by due date and id."""
        return sorted(self.of_kind("work_order"), key=_urgency)

    def listed_jobs(self) -> Jobs:
        """What a list says of the work orders. For one caller at a time."""
        return self._list.over(self.view())

    def open_jobs(self) -> list[Record]:
        """The work orders that still need somebody."""
        return sorted(
            (job for job in self.each_of("work_order") if job.fields["status"] in OPEN_STATES), key=_urgency
        )

    def record(self, ref: str) -> Record:
        """One record as the technician sees it. Raises `LocalError` if it is not on this device."""
        record = self.view().records.get(ref)
        if record is None:
            raise LocalError(f"There is no {id_of(ref)} on this device. Check the number, or sync and try again.")
        return record

    def of_kind(self, kind: str) -> list[Record]:
        """Every record of one kind, by id."""
        return list(self.each_of(kind))

    def each_of(self, kind: str) -> Iterator[Record]:
        """The same, one after the other: of thousands, none is kept."""
        records = self.view().records
        refs = list(records)  # a copy: another thread may be confirming
        return (records[ref] for ref in sorted(refs) if ref.startswith(f"{kind}/"))

    def questions(self) -> list[Asked]:
        """What the office asks about jobs, and about conflicts that nobody settled yet; oldest first."""
        found: list[Asked] = []
        for record in chain(self.each_of("work_order"), self.each_of("conflict")):
            if not record.value("questions"):
                continue
            body = (Conflict if record.kind == "conflict" else WorkOrder).model_validate(record.fields)
            if isinstance(body, Conflict) and not body.unsettled():
                continue
            about = _known_as(record.ref, {record.ref: record})
            found += [_asked(record.ref, about, each, body.answers) for each in body.questions]
        return sorted(found, key=lambda each: each.question.at)

    def came_back(self, command_id: str) -> Item:
        """A command that its author can give again or drop. Raises `LocalError` for any other, with the reason."""
        with self._store.transaction():
            return self._came_back(command_id)

    def answer(self, question: str, text: str) -> tuple[Command, ...]:
        """Answer a question of the office. Raises `LocalError` if it is not here, or cannot be answered."""
        found = [each for each in self.questions() if each.question.id == question]
        if not found:
            raise LocalError(f"There is no open question {question} on this laptop. See: tailboard question list")
        payload: dict[str, JsonValue] = {"question": question, "text": text}
        proposal = Proposal(QuestionAnswered.kind.name, found[0].record, payload, {})
        return self.confirm([proposal], sentence=text, source="form")

    def history(self, job: str) -> list[HistoryLine]:
        """What happened on a job, oldest first: its entries and readings, saved here or held by the server.

        Of a field that holds one value the laptop knows who set it last, and no more: that is one line.
        An order says what became of it at the system that takes it, a question what the cluster made of it.
        """
        readings, tasks = self.of_kind("reading"), self.of_kind("assist_task")
        standing = self._store.standings(_named_on(self.record(job), readings, tasks))
        writes = [ExternalWrite.model_validate(each.fields) for each in self.of_kind("external_write")]
        fates = {each.command: fate(each) for each in writes if each.record == job}
        lines = [*_entries(self.record(job), standing, fates), *_readings(job, readings, standing)]
        lines += _asked_of_the_cluster(job, tasks, standing)
        lines += self._set(self.record(job))
        return sorted(lines, key=lambda line: line.at)

    def _set(self, job: Record) -> Iterator[HistoryLine]:
        """What each field holds that somebody set since the job was given; a status with a reason is told by that."""
        by_place = self.view().pending
        pending = {name: by_place[job.ref, name] for name in job.fields if (job.ref, name) in by_place}
        here = {item.command.id: _stamp(item.command) for item in self._store.items_of(list(pending.values()))}
        stamps = {**job.stamps, **{name: here[command] for name, command in pending.items() if command in here}}
        standing = self._store.standings({stamp.command for stamp in stamps.values()})
        told = {each.id for each in WorkOrder.model_validate(job.fields).reasons}
        for name, stamp in stamps.items():
            if rule_of(job.kind, name).merge in _ONE_VALUE and stamp.command not in told:
                what = shorten(value_of(name, job.fields[name]), 200, placeholder=" …")
                yield HistoryLine(stamp.at, stamp.actor, f"{named(name)}: {what}", standing.get(stamp.command))

    def trends(self, asset: str) -> list[Trend]:
        """What was measured at `asset` so far, quantity by quantity; those with limits first."""
        there = self.view().records.get(asset)
        limits = there.value("limits") if there else None
        listed = [Limit.model_validate(each) for each in limits] if isinstance(limits, list) else []
        mine = (each.fields for each in self.each_of("reading") if each.fields.get("asset") == asset)
        return trends(listed, map(Reading.model_validate, mine))

    def odd(self, proposal: Proposal) -> str:
        """What is odd about the reading that `proposal` would record; empty if nothing is, or if it records none."""
        if proposal.kind != ReadingRecorded.kind.name:
            return ""
        try:
            given = ReadingRecorded.model_validate(proposal.payload)
        except ValueError:  # it cannot be confirmed, and says why
            return ""
        known = next((each for each in self.trends(given.asset) if each.quantity is given.quantity), None)
        return odd(known, given.value, given.unit, self._ports.clock.now()) if known else ""

    def outbox(self) -> list[Item]:
        """Every command of this device, oldest first, with where it and its file stand."""
        with self._store.transaction():
            return self._with_files(self._store.items())

    def open_items(self) -> list[Item]:
        """This device's commands that have no outcome yet or need somebody's look, oldest first, with their files."""
        with self._store.transaction():
            return self._with_files(self._store.open_items())

    def latest_over(self, words: Sequence[str], most: int) -> list[Item]:
        """Of the others the latest, newest first; see `Looking.latest_over`."""
        with self._store.transaction():
            return self._with_files(self._store.latest_over(words, most))

    def standings(self, ids: Collection[str]) -> dict[str, Standing]:
        """Where these commands stand; those of others are left out."""
        return self._store.standings(ids)

    def _with_files(self, items: Sequence[Item]) -> list[Item]:
        files = self._attachments.standings()
        return [replace(item, file=files.get(item.command.id)) for item in items]

    def unsettled(self) -> list[Item]:
        """Every command that the server has not settled, oldest first, without how far its file is."""
        return self._store.items(states=UNSETTLED)

    def decisions(self) -> list[Decision]:
        """Every recorded route decision, oldest first."""
        return self._store.decisions()

    def status(self) -> Status:
        """Link, age of the data, counts, model."""
        return Status(
            identity=self.identity,
            online=self._store.meta("link") != "offline",
            link_since=self._instant("link_since"),
            data_as_of=self._instant("last_contact"),
            last_error=self._store.meta("last_error") or None,
            counts=self._store.counts(),
            model=self.model.name if self.model else None,
            shut_out=self._store.meta("shut_out") or None,
            expiring=self.expiring(),
            lost=self._store.lost(),
        )

    def expiring(self) -> dict[str, timedelta]:
        """Unsettled commands that have little time left, and how much."""
        now = self._ports.clock.now()
        left = {each.id: warning(each, now) for each in self._store.expiring_before(now + LIMITS.warn_before)}
        return {command_id: spell for command_id, spell in left.items() if spell is not None}

    def _instant(self, name: str) -> datetime | None:
        stored = self._store.meta(name)
        return to_instant(stored) if stored else None

    # -- proposing

    def propose(self, sentence: str, job: str, watch: Watch | None = None) -> Interpretation:
        """What the on-device model makes of a sentence about `job`. Blocking: run it away from the screen.

        Raises:
            LocalError: no model is loaded, the policy refuses, or the sentence cannot be taken. Forms still work.
            ModelError: the model failed; it is a `LocalError` too.
        """
        check_note(sentence)
        decision = self.routes.decide(self._question(sentence, job), self.model)
        if decision.route is not Route.DEVICE or self.model is None:
            raise LocalError(f"The assistant is not available: {decision.reason}. The forms work.")
        order = self.record(job)
        records = self.view().records
        allowed = steps("work_order", "status", str(order.fields["status"]))
        asset = records.get(str(order.fields["asset"]))
        ask = ask_for(sentence, order, asset, self.of_kind("stock_item"), allowed, self.vocabulary())
        known = [str(order.fields["title"]), *(str(asset.fields[name]) for name in ("name", "type") if asset)]
        if (sure := sure_answer(ask, known)) is not None:
            return read(ask, sure)
        generation = self.model.generate(ask.prompt, ask.schema, tokens_max=ask.tokens_max, watch=watch)
        return read(ask, generation.text)

    def _question(self, sentence: str, job: str) -> Question:
        """A note becomes proposals by itself: nothing of one goes into the next, so that it is no conversation."""
        classes = [rule_of("work_order", name).data_class for name in self.record(job).fields]
        return Question("propose", sentence, highest(*classes))

    def show(self, proposals: Sequence[Proposal]) -> list[Shown]:
        """Each proposal with the exact change it would make, given the ones before it."""
        scratch = self.view().scratch()
        shown = []
        for proposal in proposals:
            try:
                payload = payload_class(proposal.kind, _version(proposal.kind)).model_validate(proposal.payload)
                draft = compose_draft(payload, proposal.record, self._author(None), scratch)
                command, seen = draft.command, preview(draft, scratch)
                summary = payload.summary(_known_as(proposal.record, scratch.records))
                if not seen.obstacle and (apart := self._out_of_touch(payload, command, scratch)):
                    seen = Preview(seen.changes, f"It cannot be confirmed now: {apart}")
                if not seen.obstacle:
                    scratch.add(draft, foreseen=seen.values)
            except (UnknownKind, ValueError) as error:
                seen, summary = Preview((), f"It does not fit: {_words(error)}"), proposal.kind
            shown.append(Shown(proposal, summary, seen))
        return shown

    # -- confirming

    def confirm(
        self, proposals: Sequence[Proposal], *, sentence: str, source: str, named: str | None = None
    ) -> tuple[Command, ...]:
        """Sign `proposals` and save them with the words they came from, all or none.

        Args:
            proposals: in the order in which they shall take effect.
            sentence: what the person typed.
            source: ``assistant``, ``form`` or ``cli``.
            named: the id of the first command, where it has one already; a fresh one if None.

        Raises:
            LocalError: one of them cannot be; nothing was saved.
            StoreError: the disk is full or the database busy; nothing was saved.
        """
        try:
            with self._store.transaction():
                commands: list[Command] = []
                for proposal in proposals:
                    words = (source, sentence) if len(commands) == len(proposals) - 1 else None
                    commands.append(self._append(proposal, commands, words, None if commands else named))
        except BaseException:
            self._view = None  # it may show commands that were not kept
            raise
        return tuple(commands)

    def note(self, job: str, text: str) -> tuple[Command, ...]:
        """File a sentence as a plain note: the way that needs no model."""
        proposal = Proposal(NoteAdded.kind.name, job, {"text": text}, {})
        return self.confirm([proposal], sentence=text, source="form")

    def attach(self, job: str, path: Path) -> tuple[Command, ...]:
        """Sign that the file at `path` belongs to `job`, and keep its bytes: both are saved, or neither.

        Raises:
            LocalError: the file cannot be taken (not there, empty, too large); nothing was saved.
            StoreError: the disk is full or the database busy; nothing was saved.
        """
        draft = read_file(path)
        payload = {"name": draft.name, **draft.attachment.model_dump()}
        proposal = Proposal(AttachmentAdded.kind.name, job, payload, {})
        try:
            with self._store.transaction():
                commands = self.confirm([proposal], sentence=f"attached {draft.name}", source="form")
                self._attachments.add(draft, commands[0].id)
        except BaseException:
            self._view = None  # it may show a command that was not kept
            raise
        return commands

    def file(self, job: str, name: str) -> Attachment:
        """The newest file called `name` on `job`. Raises `LocalError` if there is none."""
        order = WorkOrder.model_validate(self.record(job).fields)
        found = [entry for entry in order.attachments if entry.name == name]
        if not found:
            names = ", ".join(sorted({entry.name for entry in order.attachments})) or "none"
            raise LocalError(f"There is no file {name} on {id_of(job)}. Its files: {names}.")
        return Attachment(sha256=found[-1].sha256, size=found[-1].size, media_type=found[-1].media_type)

    def _append(
        self, proposal: Proposal, earlier: Sequence[Command], words: tuple[str, str] | None, named: str | None
    ) -> Command:
        """Save one command; with the last of a confirmation the `words` behind it, its source and its sentence."""
        view = self.view()
        end = self._store.end()
        try:
            payload = payload_class(proposal.kind, _version(proposal.kind)).model_validate(proposal.payload)
            place = (end.head.epoch, end.head.next_seq, end.head.prev)
            draft = compose_draft(payload, proposal.record, self._author(place, named), view)
        except (UnknownKind, ValueError) as error:
            raise LocalError(f"This cannot be saved: {_words(error)}") from error
        command, seen = draft.command, preview(draft, view)
        if obstacle := seen.obstacle or self._out_of_touch(payload, command, view):
            raise LocalError(f"This cannot be saved: {obstacle}")
        envelope = seal(COMMAND_TYPE, _readable(command), self._keys.technician)
        priority = payload.urgency(command, view.records)
        if full := refusal(priority, end.kept, len(envelope.payload)):
            raise LocalError(full)
        summary = payload.summary(_known_as(proposal.record, view.records))
        issue = issue_now(self._ports)
        said = words and JournalEntry(
            issue.wall, command.actor, *words, tuple(each.id for each in (*earlier, command))
        )
        self._store.append(command, envelope, summary, issue, priority, said)
        view.add(draft, foreseen=seen.values)
        return command

    def _out_of_touch(self, payload: Payload, command: Command, view: View) -> str | None:
        """Why it cannot be confirmed so long after the last contact; None if it can."""
        authority = payload.authority(command, view.records)
        if authority is not Authority.CENTRAL:
            return None
        contact = self._instant("contact_at") or self._instant("last_contact")
        if confirmable(authority, payload.kind, contact, command.issued_at):
            return None
        hours = int(payload.kind.window.total_seconds() // 3600)
        return (
            f"it needs the office, and this laptop was not in contact for {hours} hours. Go online once, then "
            "confirm it; or leave it as a note"
        )

    def _author(self, chain: tuple[int, int, str | None] | None, named: str | None = None) -> Author:
        return Author(
            id=named or self._ports.new_id(),
            tenant=self.identity.tenant,
            device=self.identity.device,
            actor=self.identity.actor,
            issued_at=self._ports.clock.now(),
            policy_version=self.routes.bundle.version,
            chain=chain,
        )

    # -- changing one's mind

    def going_along(self, ids: Sequence[str]) -> tuple[Item, ...]:
        """What is taken back if `ids` are: these, and everything unsettled that rests on them, in order.

        Raises:
            LocalError: one of them is not here, is not waiting to be sent, or something that rests on it was sent.
        """
        items = {item.command.id: item for item in self._store.items(states=UNSETTLED) if not item.withdrawal}
        needs = {command_id: item.command.needs for command_id, item in items.items()}
        for command_id in ids:
            self._check_here(command_id, items)
        going = set(ids).union(*(dependants(command_id, needs) for command_id in ids))
        chosen = tuple(item for command_id, item in items.items() if command_id in going)
        if sent := [why for item in chosen if (why := not_taken_back(item))]:
            raise LocalError(sent[0])
        return chosen

    def _check_here(self, command_id: str, items: Mapping[str, Item]) -> None:
        if command_id in items:
            return
        known = self._store.items_of([command_id])
        if not known:
            raise LocalError(f"There is no command {command_id} on this laptop. See: tailboard outbox list")
        why = not_taken_back(known[0])
        assert why is not None, "or it would be among them"
        raise LocalError(why)

    def withdraw(self, ids: Sequence[str]) -> tuple[Item, ...]:
        """Take commands back that were not sent yet, and with them all that rests on them; what was taken back.

        Each keeps its place in the chain and is sent with its author's signed withdrawal.

        Raises:
            LocalError: as `going_along`; nothing was changed.
        """
        with self._store.transaction():
            going = self.going_along(ids)
            for item in going:
                said = Withdrawal(
                    tenant=self.identity.tenant,
                    device=self.identity.device,
                    actor=self.identity.actor,
                    command=item.command.id,
                    hash=item.envelope.hash,
                    at=self._ports.clock.now(),
                )
                statement = seal(WITHDRAWAL_TYPE, said.to_bytes(), self._keys.technician)
                self._store.withdraw(item.command.id, statement)
        return going

    def restore(self, ids: Sequence[str]) -> tuple[Item, ...]:
        """Undo `withdraw` and `drop`: these commands, and what they rest on, count again.

        Raises:
            LocalError: one of them was neither taken back nor dropped, or was sent with its withdrawal already.
        """
        with self._store.transaction():
            found = self._store.items_of(ids)
            for item in found:
                if item.dealt == "dropped":
                    self._store.deal_with(item.command.id, None)
                elif item.withdrawal is None:
                    raise LocalError(f"{number(item)} was not taken back; there is nothing to undo.")
                elif item.state not in {State.SAVED, State.TURNED}:
                    raise LocalError(f"{number(item)} was sent with its withdrawal already. Enter it again.")
                else:
                    self._store.restore(item.command.id)
            if missing := self._rests_on_withdrawn(found):
                raise LocalError(f"{number(missing)}, on which it rests, was taken back as well. Undo that first.")
        return tuple(found)

    def _rests_on_withdrawn(self, restored: Sequence[Item]) -> Item | None:
        needs = {name for item in restored if item.withdrawal for name in item.command.needs}
        return next((item for item in self._store.items_of(sorted(needs)) if item.withdrawal), None)

    def as_given(self, command_id: str) -> Proposal:
        """What a command that came back said, to be given again as it was or otherwise. Raises `LocalError`."""
        item = self.came_back(command_id)
        try:
            payload = read_payload(item.command).to_json()
        except (UnknownKind, ValueError) as error:
            raise LocalError(f"It cannot be given again: {_words(error)}. Enter it anew.") from error
        return Proposal(item.command.kind, item.command.record, payload, {})

    def reissue(self, command_id: str, instead: Proposal | None = None) -> Command:
        """Give a command again that was rejected or expired: a new one, from what is seen today.

        Args:
            command_id: the one that came back.
            instead: what it shall say now; what it said before, if None.

        Raises:
            LocalError: it did not come back, was dealt with already, or cannot be given as things are now.
        """
        with self._store.transaction():
            item, proposal = self._came_back(command_id), instead or self.as_given(command_id)
            (command,) = self.confirm([proposal], sentence=item.summary, source="reissue")
            self._store.deal_with(command_id, command.id)
        return command

    def drop(self, command_id: str) -> Item:
        """Note that a command which was rejected or expired is dealt with. Raises `LocalError` as `reissue`."""
        with self._store.transaction():
            item = self._came_back(command_id)
            self._store.deal_with(command_id, "dropped")
        return item

    def _came_back(self, command_id: str) -> Item:
        found = self._store.items_of([command_id])
        if not found:
            raise LocalError(f"There is no command {command_id} on this laptop. See: tailboard outbox list")
        (item,) = found
        if why := not_come_back(item, hopeless=self._store.is_hopeless(command_id)):
            raise LocalError(why)
        return item

    # -- the link

    def go(self, *, online: bool) -> None:
        """Work online or offline from now on, across restarts."""
        with self._store.transaction():
            self._store.set_meta("link", "online" if online else "offline")
            self._store.set_meta("link_since", self._ports.clock.now().isoformat())


def _readable(command: Command) -> bytes:
    """The command's bytes, read once as the server will: what it could not read must never enter the chain."""
    raw = command.to_bytes()
    try:
        read_command(raw)
    except ValueError as error:
        raise LocalError(f"This cannot be saved: {_words(error)}") from error
    return raw


def _stamp(command: Command) -> Stamp:
    """Who set what `command` would set, and when."""
    return Stamp(0, command.id, command.device, command.actor, command.issued_at)


def _version(kind: str) -> int:
    return CATALOGUE[kind].kind.version if kind in CATALOGUE else 0


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _known_as(ref: str, records: Mapping[str, Record]) -> str:
    """The id by which a person knows a record: a conflict goes by the one that it is about."""
    found = records.get(ref) if kind_of(ref) == "conflict" else None
    return id_of(str(found.fields["record"]) if found else ref)


def _asked(ref: str, about: str, question: QuestionEntry, answers: Sequence[AnswerEntry]) -> Asked:
    return Asked(ref, about, question, tuple(each for each in answers if each.question == question.id))


def _urgency(job: Record) -> tuple[bool, str, str]:
    return job.fields["status"] not in OPEN_STATES, str(job.fields["due_on"] or "9999"), job.ref


def _entries(job: Record, standing: Mapping[str, Standing], fates: Mapping[str, str]) -> list[HistoryLine]:
    done = happened(WorkOrder.model_validate(job.fields))
    ends = {command: f": {said}" for command, said in fates.items()}
    return [
        HistoryLine(entry.at, entry.author, f"{what}{ends.get(entry.id, '')}", standing.get(entry.id))
        for entry, what in done
    ]


def _asked_of_the_cluster(job: str, tasks: Sequence[Record], standing: Mapping[str, Standing]) -> list[HistoryLine]:
    mine = [AssistTask.model_validate(each.fields) for each in tasks if each.fields["record"] == job]
    return [
        HistoryLine(
            task.asked_at,
            task.asked_by,
            f"asked the cluster “{task.question}”: {task_words(task)}",
            standing.get(task.command),
        )
        for task in mine
    ]


def _readings(job: str, readings: Sequence[Record], standing: Mapping[str, Standing]) -> list[HistoryLine]:
    mine = [(each.ref, Reading.model_validate(each.fields)) for each in readings if each.fields["work_order"] == job]
    return [
        HistoryLine(
            reading.taken_at,
            reading.author,
            f"{reading.quantity.replace('_', ' ')} {reading.value:g} {reading.unit}",
            standing.get(id_of(ref)),
        )
        for ref, reading in mine
    ]


def _named_on(job: Record, *others: Sequence[Record]) -> set[str]:
    """The commands behind what is told of a job: each entry and each tick names its own."""
    entries = [each for value in job.fields.values() if isinstance(value, list) for each in value]
    found = {str(each["id"]) for each in entries if isinstance(each, Mapping) and "id" in each}
    found |= {tick.id for item in checklist(job) for tick in item.ticks}
    readings, tasks = others
    found |= {id_of(each.ref) for each in readings if each.fields["work_order"] == job.ref}
    return found | {str(each.fields["command"]) for each in tasks if each.fields["record"] == job.ref}
