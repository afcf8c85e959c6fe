"""From a technician's sentence to proposals: what to ask a small model, and what its answer may mean.

Rules
1. The sentence itself is always the first proposal, word for word, whatever else comes of it.
2. The model only chooses. `candidates` reads from the note what its words could mean; each candidate is finished
   into a proposal before the model is asked, and the answer names one of them, or none, for each question.
3. The answer is untrusted text. If it is not exactly one of the answers that the schema allows, nothing of it is
   used and the reason is given.
4. What was chosen is checked once more against the note and the view (`grounded`); what fails is dropped.
5. Equipment that only the note names stays words. Records are named by the job, its asset and the stock in view.
6. From a note that the rules cannot trust themselves with (`unread`) nothing is read, and a sentence says why.
7. The prompt begins with what never changes, so that a model keeps it worked out from note to note. The note comes
   last, as one line of limited length.

Sans-I/O: the caller asks the model. A proposal has no effect; only a person's confirmation makes a command.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, product
from typing import Any

from pydantic import JsonValue

from device.core import candidates
from device.core.candidates import Measure, Part, Step, Work
from device.core.prompt import REFUSAL, one_line, prompt_for
from device.core.readings import NOTHING, readings
from device.core.unread import unread
from device.errors import LocalError
from shared.commands import CATALOGUE
from shared.commands.field_updated import FieldUpdated
from shared.commands.note_added import NoteAdded
from shared.commands.part_consumed import PartConsumed
from shared.commands.reading_recorded import ReadingRecorded
from shared.commands.status_changed import StatusChanged
from shared.records import Record, WorkStatus
from shared.strict_json import BadJson, parse
from shared.vocabulary import Vocabulary

#: As many as a note on a work order may have.
NOTE_CHARS_MAX = 4000
#: No answer to a question of ours is longer.
ANSWER_BYTES_MAX = 4096
#: Measures of one quantity that the model may choose among; of more, it takes all or none.
RIVALS_MAX = 3
OPTIONS_MAX = 8
ANSWER_CHARS_MAX = 60
_OVER = frozenset({WorkStatus.DONE, WorkStatus.CLOSED, WorkStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A suggested command. It has no effect.

    Args:
        kind: of the command catalogue.
        record: the record that the command would be about, a reference.
        payload: JSON form of the kind's payload.
        words: for fields of the payload, the words of the note that they were read from, as they stand there. A field
            that is not named here follows from the job and not from the note.
    """

    kind: str
    record: str
    payload: Mapping[str, JsonValue]
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """One choice: what the model may write under `name`, the likeliest first, and what each answer proposes.

    `REFUSAL` is always among them. It stands first where the words fit several things equally well.
    """

    name: str
    options: Mapping[str, tuple[Proposal, ...]]


@dataclass(frozen=True)
class Ask:
    """What to ask a model about one note. `prompt`, `schema` and `tokens_max` go to `LanguageModel.generate`.

    `unread` says why nothing was read from the note, if so; then there is nothing to ask.
    """

    note: Proposal
    questions: tuple[Question, ...]
    prompt: str
    schema: Mapping[str, Any]
    tokens_max: int
    view: frozenset[str]
    unread: str | None = None

    @property
    def rivals(self) -> int:
        """How many questions have more than one answer besides `REFUSAL`."""
        return sum(len(question.options) > 2 for question in self.questions)


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What came of a sentence.

    Args:
        proposals: the note first, then what the model chose, in the order in which they should take effect.
        reason: why there is nothing but the note, if it was not read or the answer could not be used.
        dropped: proposals that were chosen and failed the last check.
    """

    proposals: tuple[Proposal, ...]
    reason: str | None = None
    dropped: tuple[Proposal, ...] = ()


# -- asking


def ask_for(
    sentence: str,
    job: Record,
    asset: Record | None,
    stock: Sequence[Record],
    allowed: Iterable[str],
    vocabulary: Vocabulary | None = None,
) -> Ask:
    """What to ask a model about a sentence.

    Args:
        sentence: as the technician typed it, 1 to `NOTE_CHARS_MAX` characters.
        job: the work order that it is about.
        asset: the job's asset, or None if it is not in view; without it there are no readings.
        stock: the stock items in view.
        allowed: the states that the job's state may be followed by.
        vocabulary: what the organisation's shorthand means; without it only the words as they stand are read.

    Raises:
        LocalError: the sentence is blank, too long, or no text.
    """
    check_note(sentence)
    text = candidates.plain(sentence)
    note = Proposal(NoteAdded.kind.name, job.ref, {"text": sentence}, {"text": sentence})
    why = unread(sentence)
    told = NOTHING if why else readings(text, stock, asset, _limits(asset), _targets(job, allowed), vocabulary)
    questions = (
        _work_question(job, told.works),
        _part_question(job, told.parts),
        _reading_question(job, told.measures),
        _state_question(job, told.steps),
    )
    asked = tuple(question for question in questions if len(question.options) > 1) or questions[:1]
    view = frozenset({job.ref, *(item.ref for item in stock), *([asset.ref] if asset else [])})
    prompt = prompt_for(text, {question.name: list(question.options) for question in asked})
    return Ask(note, asked, prompt, _schema(asked), _tokens_max(asked), view, why)


def check_note(sentence: str) -> None:
    """Raises `LocalError`: the sentence is blank, too long, or no text."""
    if not candidates.plain(sentence).strip():
        raise LocalError("The note is empty.")
    if len(sentence) > NOTE_CHARS_MAX:
        raise LocalError(f"A note holds {NOTE_CHARS_MAX:,} characters; this one has {len(sentence):,}. Split it.")
    try:
        sentence.encode()
    except UnicodeEncodeError:
        raise LocalError("The note holds bytes that are not text.") from None


def _limits(asset: Record | None) -> Sequence[Mapping[str, Any]]:
    limits = asset.fields.get("limits", ()) if asset else ()
    assert isinstance(limits, list | tuple), "an asset's limits are a list"
    return [limit for limit in limits if isinstance(limit, Mapping)]


def _targets(job: Record, allowed: Iterable[str]) -> frozenset[str]:
    """The states that a note may move the job to. A job that is over is not moved by a sentence."""
    if job.fields["status"] in _OVER:
        return frozenset()
    return frozenset(allowed) & {WorkStatus.IN_PROGRESS, WorkStatus.ON_HOLD, WorkStatus.DONE}


def _work_question(job: Record, works: Sequence[Work]) -> Question:
    def proposal(work: Work) -> Proposal:
        payload: dict[str, JsonValue] = {"field": "activity", "value": work.activity.value}
        return Proposal(FieldUpdated.kind.name, job.ref, payload, {"value": work.span.text})

    return _question("action", ([(work.span.text, proposal(work))] for work in works))


def _state_question(job: Record, steps: Sequence[Step]) -> Question:
    def proposal(step: Step) -> Proposal:
        return Proposal(StatusChanged.kind.name, job.ref, {"to": step.to.value}, {"to": step.span.text})

    return _question("state", ([(step.span.text, proposal(step))] for step in steps))


def _part_question(job: Record, parts: Sequence[Part]) -> Question:
    def proposal(part: Part) -> Proposal:
        payload: dict[str, JsonValue] = {"stock_item": part.item.ref, "quantity": part.quantity}
        words = {"stock_item": part.span.text, "quantity": part.counted.text}
        return Proposal(PartConsumed.kind.name, job.ref, payload, words)

    rivals: dict[int, list[tuple[str, Proposal]]] = {}
    for part in parts:
        rivals.setdefault(part.span.start, []).append((str(part.item.fields["name"]), proposal(part)))
    groups = product(*rivals.values()) if rivals else ()
    return _question("part", groups, doubtful=len(rivals) < len(parts))


def _reading_question(job: Record, measures: Sequence[Measure]) -> Question:
    def proposal(measure: Measure) -> Proposal:
        payload: dict[str, JsonValue] = {
            "asset": str(job.fields["asset"]),
            "quantity": measure.quantity.value,
            "value": measure.value,
            "unit": measure.unit,
        }
        words = {"quantity": measure.span.text, "value": measure.number.text, "unit": measure.span.text}
        return Proposal(ReadingRecorded.kind.name, job.ref, payload, words)

    named = [(measure.span.text, proposal(measure)) for measure in measures]
    rivals = len({measure.quantity for measure in measures}) < len(measures) <= RIVALS_MAX
    sizes = range(len(named), 0, -1) if rivals else [len(named)]
    return _question("reading", (group for size in sizes for group in combinations(named, size) if group))


def _question(name: str, groups: Iterable[Sequence[tuple[str, Proposal]]], *, doubtful: bool = False) -> Question:
    """One answer for each of `groups`, whose members are proposed together, and `REFUSAL`, first if in doubt."""
    options: dict[str, tuple[Proposal, ...]] = {REFUSAL: ()} if doubtful else {}
    for group in islice(groups, OPTIONS_MAX):
        answer = " + ".join(one_line(text)[:ANSWER_CHARS_MAX] for text, _ in group)
        options.setdefault(answer, tuple(proposal for _, proposal in group))
    return Question(name, {**options, REFUSAL: ()})


def _schema(questions: Sequence[Question]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {question.name: {"enum": list(question.options)} for question in questions},
        "required": [question.name for question in questions],
        "additionalProperties": False,
    }


def _tokens_max(questions: Sequence[Question]) -> int:
    """Room for the longest answer: a token has at least one byte."""
    longest = {question.name: max(question.options, key=len) for question in questions}
    return len(json.dumps(longest).encode()) + 8


# -- reading the answer


def read(ask: Ask, text: str) -> Interpretation:
    """What the model's answer to `ask` proposes. Whatever `text` is, this returns."""
    if ask.unread is not None:
        return Interpretation((ask.note,), ask.unread)
    chosen, reason = _choices(ask, text)
    good = [proposal for proposal in chosen if grounded(proposal, ask)]
    bad = tuple(proposal for proposal in chosen if proposal not in good)
    return Interpretation((ask.note, *good), reason, bad)


def _choices(ask: Ask, text: str) -> tuple[list[Proposal], str | None]:
    try:
        answer = parse(text.strip().encode("utf-8", "replace"), bytes_max=ANSWER_BYTES_MAX, depth_max=2)
    except BadJson as error:
        return [], f"The model's answer could not be read: {error}."
    if not isinstance(answer, dict) or set(answer) != {question.name for question in ask.questions}:
        return [], "The model's answer has not the agreed form."
    chosen: list[Proposal] = []
    for question in ask.questions:
        option = answer[question.name]
        if not isinstance(option, str) or option not in question.options:
            return [], f"The model's answer for {question.name} is none of the choices."
        chosen.extend(question.options[option])
    return chosen, None


def grounded(proposal: Proposal, ask: Ask) -> bool:
    """Whether `proposal` is of the catalogue, about records in view, and its words and numbers are in the note."""
    payload_class = CATALOGUE.get(proposal.kind)
    if payload_class is None or proposal.record not in ask.view:
        return False
    try:
        payload_class.model_validate(proposal.payload)
    except ValueError:
        return False
    note = str(ask.note.payload["text"])
    plain = candidates.plain(note)
    if not all(words in note or words in plain for words in proposal.words.values()):
        return False
    return all(_has_source(field, value, proposal, ask) for field, value in proposal.payload.items())


def _has_source(field: str, value: JsonValue, proposal: Proposal, ask: Ask) -> bool:
    """Whether an id is in view and a number is what its words say. Other values are names of our own."""
    if field in {"asset", "stock_item"}:
        return value in ask.view
    if isinstance(value, int | float):
        one_piece = value == 1 and proposal.words.get(field) == proposal.words.get("stock_item")
        return one_piece or value in candidates.numbers_of(proposal.words.get(field, ""))
    return True
