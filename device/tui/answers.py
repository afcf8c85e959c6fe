"""Questions, answers and their sources as rows that can be walked through: words only, no widget.

Rules
1. Every answer, and every attempt, says where it ran, by which model, how long, and how many bytes left.
2. What a model wrote and nobody checked yet is said to be so; what was stopped is said to be partial.
3. A source is a row of its own: manual, revision, page and the quoted words; it can be opened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from device.assist import QUOTED, Refused, Waiting
from device.library.search import Hit
from device.plain import plain
from device.tasks import Left
from device.tui.talk import Turn
from device.words import PLACES, named
from policies.explain import listed
from shared.assist import Answer, Attempt, Citation
from shared.routing import Route

Look = Literal["plain", "bold", "badge", "loud"]
EXCERPT_CHARS = 150


@dataclass(frozen=True, slots=True)
class Place:
    """A page of a manual, and words that stand on it."""

    document: str
    page: int
    quote: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One row of a talk.

    Args:
        lines: what it shows, each with how it looks.
        place: the page that Enter opens; None if it opens none.
        turn: which question of the talk it belongs to.
        task: the id of a question that waits, or waited, for the cluster.
        answer: the answer that `c` copies and `n` notes.
        decision: the hash of the decision that it rests on.
    """

    lines: tuple[tuple[str, Look], ...]
    place: Place | None = None
    turn: int | None = None
    task: str | None = None
    answer: Answer | None = None
    decision: str | None = None


#: What documents are called, by their short names.
Titles = Mapping[str, str]


def turn_rows(number: int, turn: Turn, elapsed_s: float, titles: Titles) -> list[AnswerRow]:
    """A question with everything that came of it so far."""
    rows = [AnswerRow(((f"You: {plain(turn.question)}", "bold"),), turn=number)]
    came = turn.came
    match came:
        case Answer():
            rows += answer_rows(came, titles, turn=number)
        case Waiting() | Refused():
            rows.append(_unanswered(number, came))
        case None:
            rows.append(AnswerRow(tuple(_under_way(turn, elapsed_s)), turn=number))
    if turn.offer is not None:
        where = PLACES[turn.offer.target]
        said = f"? It could go to {where}, if you agree: s shows what would leave, and asks."
        rows.append(AnswerRow(((said, "loud"),), turn=number))
    answer = came if isinstance(came, Answer) else None
    return rows + _nearest(number, turn.hits, answer)


def _under_way(turn: Turn, elapsed_s: float) -> list[tuple[str, Look]]:
    lines: list[tuple[str, Look]] = [(plain(each), "plain") for each in turn.steps]
    if turn.partial:
        state = "PARTIAL: you stopped it; not checked against the manuals" if turn.stopped else "not checked yet"
        lines += [(f"[{state}]", "bold"), (plain(turn.partial), "plain")]
    if turn.running:
        doing = "Waiting for the model, which is still loading" if turn.waits else "Asking"
        then = "Your question is asked by itself as soon as it is here. " if turn.waits else ""
        lines.append((f"{doing}… {elapsed_s:.0f} s. {then}Esc stops.", "plain"))
    elif turn.fault:
        lines.append((f"! {plain(turn.fault)}", "loud"))
    elif turn.stopped and not turn.partial:
        lines.append(("Stopped by you. Nothing came of it.", "plain"))
    return lines


def answer_rows(
    answer: Answer, titles: Titles, *, turn: int | None = None, task: str | None = None
) -> list[AnswerRow]:
    """The answer with its badge and attempts, a row for each source, and what is disclosed of it."""
    about: list[tuple[str, Look]] = [(badge(answer), "badge")]
    about += [(_attempt(each), "plain") for each in answer.attempts if _worth_telling(answer, each)]
    about += [(plain(line), "plain") for line in answer.text.splitlines()]
    if answer.fallback:
        about.append((f"Not where it was meant to run: {plain(answer.fallback)}", "plain"))
    whole = AnswerRow(tuple(about), turn=turn, task=task, answer=answer, decision=answer.decision)
    cited = [_cited(number, each, titles, whole) for number, each in enumerate(answer.citations, start=1)]
    return [whole, *cited, replace(whole, lines=((plain(answer.disclosure), "plain"),))]


def badge(answer: Answer) -> str:
    """Where it ran, by what, how long, and what left this laptop."""
    model = "quoted, no model" if answer.model == QUOTED else plain(answer.model)
    return f"[{PLACES[answer.route]} | {model} | {answer.took_s:.1f} s | {left_words(answer)}]"


def left_words(answer: Answer) -> str:
    """How many bytes left for it; of a question that waited, that it left with everything else."""
    up = sum(each.bytes_up for each in answer.moved)
    if up:
        return f"{up:,} bytes left"
    return "nothing left this laptop" if answer.route is Route.DEVICE else "the question left with the outbox"


def _worth_telling(answer: Answer, attempt: Attempt) -> bool:
    return len(answer.attempts) > 1 or attempt.problem is not None


def _attempt(attempt: Attempt) -> str:
    up = attempt.moved.bytes_up if attempt.moved else 0
    ended = plain(attempt.problem) if attempt.problem else "answered"
    return f"  [{PLACES[attempt.route]} | {attempt.took_s:.1f} s | {up:,} bytes left] {ended}"


def _cited(number: int, citation: Citation, titles: Titles, whole: AnswerRow) -> AnswerRow:
    title = titles.get(citation.document, citation.document)
    where = f"[{number}] {title}, revision {citation.revision}, page {citation.page}   quote checked"
    lines: tuple[tuple[str, Look], ...] = ((plain(where), "bold"), (f"    “{plain(citation.quote)}”", "plain"))
    place = Place(citation.document, citation.page, citation.quote)
    return replace(whole, lines=lines, place=place)


def _unanswered(number: int, came: Waiting | Refused) -> AnswerRow:
    lines: list[tuple[str, Look]] = [(_where_not(came), "badge")]
    lines += [(_attempt(each), "plain") for each in came.attempts]
    if isinstance(came, Waiting):
        places = listed(came.decision.waits_for) or "the cluster"
        lines.append((f"Saved on this laptop. It waits for: {places}.", "plain"))
        if came.decision.route is Route.QUEUE:  # what was disclosed before a try that failed holds no more
            lines.append((plain(came.decision.disclosure), "plain"))
    else:
        lines += [(f"! {plain(came.why)}", "loud"), (plain(_without_flags(came.advice)), "plain")]
    task = came.command.id if isinstance(came, Waiting) else None
    return AnswerRow(tuple(lines), turn=number, task=task, decision=came.decision.hash)


def _without_flags(advice: str) -> str:
    """What the person can do, without how that is said on the command line: here a key says it."""
    if "--job" in advice:
        return "Ask from the job's own page (a): there it can wait."
    return advice.partition(": add --")[0] + ("." if ": add --" in advice else "")


def _where_not(came: Waiting | Refused) -> str:
    up = sum(each.moved.bytes_up for each in came.attempts if each.moved)
    left = f"{up:,} bytes left" if up else "nothing left this laptop"
    return f"[WAITS | {left}]" if isinstance(came, Waiting) else f"[NOWHERE | not answered | {left}]"


def _nearest(number: int, hits: Sequence[Hit], answer: Answer | None) -> list[AnswerRow]:
    """The pages that come nearest, without those that are cited."""
    cited = {(each.document, each.page) for each in answer.citations} if answer else set()
    rows: dict[tuple[str, int], AnswerRow] = {}
    for hit in hits:
        place = (hit.document.id, hit.found.page)
        if place not in cited and place not in rows:
            rows[place] = _near(number, hit)
    head = AnswerRow((("Nearest pages (Enter opens)", "bold"),), turn=number)
    return [head, *rows.values()] if rows else []


def _near(number: int, hit: Hit) -> AnswerRow:
    section = f", {hit.found.section}" if hit.found.section else ""
    where = f"  {hit.document.title}, revision {hit.document.revision}, page {hit.found.page}{section}"
    words = " ".join(hit.found.body.split())[:EXCERPT_CHARS]
    lines: tuple[tuple[str, Look], ...] = ((plain(where), "plain"), (f"    {plain(words)}", "plain"))
    return AnswerRow(lines, Place(hit.document.id, hit.found.page, words), turn=number)


def waiting_rows(questions: Sequence[Left], titles: Titles) -> list[AnswerRow]:
    """Questions that were left for the cluster, each with where it stands, and the answers that came."""
    rows: list[AnswerRow] = []
    for each in questions:
        answer = each.task.answer if each.ended else None
        state = "is answered" if answer else each.words()
        can = "" if each.ended else "   x cancels"
        head: tuple[tuple[str, Look], ...] = (
            (f"Left for the cluster: {plain(each.task.question)}", "bold"),
            (f"  It {plain(named(state))}.{can}".replace("..", "."), "plain"),
        )
        rows.append(AnswerRow(head, task=each.id, answer=answer, decision=answer.decision if answer else None))
        rows += answer_rows(answer, titles, task=each.id) if answer else []
    return rows


def as_copied(answer: Answer) -> str:
    """The answer with its sources and where it ran, for pasting elsewhere."""
    cited = [
        f"[{number}] {each.document}, revision {each.revision}, page {each.page}: “{each.quote}”"
        for number, each in enumerate(answer.citations, start=1)
    ]
    return "\n".join([answer.text, *cited, badge(answer)])


def as_note(question: str, answer: Answer, chars_max: int = 1000) -> str:
    """The answer as a note on its job: what was asked, what was said, and where that stands."""
    cited = "; ".join(f"{each.document} rev {each.revision} p. {each.page}" for each in answer.citations)
    said = " ".join(answer.text.split())
    source = f" (source: {cited})" if cited else f" ({PLACES[answer.route]}, no source)"
    words = f"Asked: {question} Answer: {said}"
    return words[: chars_max - len(source)] + source
