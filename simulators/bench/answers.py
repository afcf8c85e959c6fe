"""Answers from manuals, measured: 60 questions that the manuals answer, and 20 that they do not.

The manuals are those of the sample organisation and two in other styles: a PDF with tables and figures, drawn here,
and a plain text. `cited_page`: of the answerable, the share whose first citation is on a page that answers; `answer`:
the share whose text holds what the answer must; `refused`: of the unanswerable, the share that is not in the manuals;
`unverified`: quotes that do not stand on their page, of all answers. Rules were written with the even-numbered
questions in view; the odd ones are reported apart.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pydantic import JsonValue

from device.assist.question import OUTPUT_TOKENS
from device.attachments import Attachments
from device.core.asking import SCHEMA, composed, prompt_for, read_answer, with_passages
from device.core.library.quotes import flat
from device.library import vectors
from device.library.answering import Answering, Context, Given
from device.library.library import Library
from device.model.port import LanguageModel
from device.store import DeviceStore
from shared.attachments import Attachment
from shared.documents import PDF, told, type_of
from shared.ids import record_ref
from shared.ports import system_ports
from shared.records import Record, Stamp, check_fields
from simulators.bench.figures import Figures, scratch
from simulators.bench.pdf import HEIGHT, Box, Words, write_pdf

_FIGURE = "[figure] "
_LEFT, _TOP, _STEP = 55, HEIGHT - 60, 15
#: As much as the model is loaded with on a laptop.
CONTEXT_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Question:
    """A question; `pages` of `document` answer it, and an answer holds each of `answer`. None: no manual does."""

    question: str
    document: str | None
    pages: tuple[int, ...]
    answer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manual:
    """A document for the shelf: its short name, its file and what it says of itself."""

    id: str
    file: str
    content: bytes
    title: str
    revision: str
    data_class: str = "internal"


def questions() -> list[Question]:
    """All of them, in their order."""
    lines = (resources.files("simulators.bench.manuals") / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    read = (json.loads(line) for line in lines)
    return [
        Question(each["question"], each["document"], tuple(each["pages"]), tuple(each["answer"])) for each in read
    ]


def manuals() -> list[Manual]:
    """The samples, and the two in other styles."""
    samples = resources.files("sync_server.sample") / "manuals"
    files = sorted((each for each in samples.iterdir() if each.name.endswith(".md")), key=lambda each: each.name)
    others = resources.files("simulators.bench.manuals")
    made = [_manual(each.name, each.read_bytes()) for each in (*files, others / "conveyor.txt")]
    drawn = draw((others / "compressor.txt").read_text(encoding="utf-8"))
    return [*made, Manual("vs22", "vs22.pdf", drawn, "VS22 rotary screw compressor, instruction book", "03/2024")]


def _manual(name: str, content: bytes) -> Manual:
    said = told(content.decode())[0]
    return Manual(said["id"], name, content, said["title"], said["revision"], said.get("data_class", "internal"))


def draw(text: str) -> bytes:
    """A PDF of a text: form feeds begin pages, ``|`` parts the columns of tables, ``[figure]`` draws one."""
    return write_pdf([list(_drawn(page.splitlines())) for page in text.split("\f")])


def _drawn(lines: Sequence[str]) -> Iterator[Words | Box]:
    at = _TOP
    for line in lines:
        at -= _STEP
        if line.startswith(_FIGURE):
            at -= 5 * _STEP
            yield Box(_LEFT, at, 300, 4 * _STEP)
            at -= _STEP
            yield Words(_LEFT, at, line.removeprefix(_FIGURE), 9)
        elif "|" in line:
            cells = line.split("|")
            for column, cell in enumerate(cells):
                yield Words(_LEFT + column * (520 // len(cells)), at, cell.strip())
        else:
            yield Words(_LEFT, at, line.strip())


def assets() -> list[Record]:
    """The sample organisation's assets: a question may name one, where a manual names its model."""
    text = (resources.files("sync_server.sample") / "asset.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    born = _stamp()
    return [
        Record(
            record_ref("asset", row["id"]),
            1,
            check_fields("asset", {name: row[name] for name in ("name", "type", "model")}),
            born,
        )
        for row in rows
    ]


def _stamp() -> Stamp:
    ports = system_ports()
    return Stamp(1, ports.new_id(), "office", "bench", ports.clock.now())


@contextmanager
def shelved(documents: Sequence[Manual], *, with_vectors: bool = True) -> Iterator[Library]:
    """A library with `documents` on its shelf and their bytes here; nothing is read yet."""
    with scratch() as home:
        store = DeviceStore.open(home / "device.db", b"k" * 32)
        try:
            attachments = Attachments(store)
            store.absorb([put(attachments, each) for each in documents], "1:1")
            yield Library(store, attachments, vectors.find if with_vectors else lambda: None)
        finally:
            store.close()


def put(attachments: Attachments, manual: Manual) -> Record:
    """Keep a manual's bytes; the record that it would have."""
    media_type = type_of(manual.file) or PDF
    digest = hashlib.sha256(manual.content).hexdigest()
    file = Attachment(sha256=digest, size=len(manual.content), media_type=media_type)
    attachments.take(file, 0, manual.content)  # as it would have come down
    assert attachments.finish(file)
    fields: dict[str, JsonValue] = {
        "title": manual.title,
        "file": manual.file,
        "media_type": media_type,
        "sha256": digest,
        "size": len(manual.content),
        "revision": manual.revision,
        "data_class": manual.data_class,
    }
    return Record(record_ref("document", manual.id), 1, check_fields("document", fields), _stamp())


def index_all(library: Library) -> None:
    """Read everything that is there."""
    while library.index_step():
        pass


@dataclass(frozen=True, slots=True)
class Judged:
    """One question and what came of it."""

    number: int
    question: Question
    given: Given
    unverified: int

    @property
    def answerable(self) -> bool:
        """Whether a manual answers it."""
        return self.question.document is not None

    @property
    def cited(self) -> bool:
        """Whether the first citation is on a page that answers."""
        first = next(iter(self.given.citations), None)
        return first is not None and first.document == self.question.document and first.page in self.question.pages

    @property
    def answered(self) -> bool:
        """Whether the text holds what an answer must."""
        return all(each.lower() in self.given.text.lower() for each in self.question.answer)

    @property
    def refused(self) -> bool:
        """Whether it was said not to be in the manuals."""
        return not self.given.citations


Answer = Callable[[Answering, Context], Given]


def judge(library: Library, answer: Answer = lambda answering, context: answering.extracted(context)) -> list[Judged]:
    """Every question, answered by `answer` from a library that is read."""
    answering, known = Answering(library), assets()
    judged = []
    for number, question in enumerate(questions()):
        context = answering.look(question.question, None, known)
        given = answer(answering, context)
        judged.append(Judged(number, question, given, unverified(library, given)))
    return judged


def generated(model: LanguageModel, *, context_tokens: int) -> Answer:
    """Answers that `model` writes from the passages, of which only what stands in them is said."""

    def answer(answering: Answering, context: Context) -> Given:
        words = with_passages(composed(context.question, None, None), context.passages)
        prompt = prompt_for(words, context_tokens, OUTPUT_TOKENS)
        written = model.generate(prompt, SCHEMA, tokens_max=OUTPUT_TOKENS)
        return answering.grounded(context, read_answer(written.text))

    return answer


def unverified(library: Library, given: Given) -> int:
    """How many quotes of an answer do not stand on the page that they name."""
    documents = {each.id: each for each in library.documents()}
    texts = (library.index.page(documents[each.document].sha256, each.page) or "" for each in given.citations)
    return sum(flat(each.quote) not in flat(text) for each, text in zip(given.citations, texts, strict=True))


def shares(judged: Sequence[Judged]) -> dict[str, float]:
    """The figures of some questions."""
    yes = [each for each in judged if each.answerable]
    no = [each for each in judged if not each.answerable]
    return {
        "cited_page": _share([each.cited for each in yes]),
        "answer": _share([each.answered for each in yes]),
        "refused": _share([each.refused for each in no]),
        "unverified": float(sum(each.unverified for each in judged)),
    }


def _share(held: Sequence[bool]) -> float:
    return sum(held) / len(held) if held else 0.0


def measure(model: LanguageModel | None = None) -> Figures:
    """All figures, and those of the odd-numbered questions apart; the floor is the bound that must hold.

    With a `model`, those of its own answers too: what is left of them when they were checked.
    """
    with shelved(manuals()) as library:
        index_all(library)
        judged = judge(library)
        written = judge(library, generated(model, context_tokens=CONTEXT_TOKENS)) if model else []
    figures = _figures(shares(judged), "") | (_figures(shares(written), "_model") if written else {})
    return figures | _figures(shares([each for each in judged if each.number % 2]), "_odd")


def holds(figures: Figures) -> bool:
    """Whether the figures of all questions keep their bounds."""
    shares = ("cited_page", "answer", "refused")
    return figures["unverified"]["value"] == 0 and all(figures[name]["value"] >= _BOUNDS[name] for name in shares)


_BOUNDS = {"cited_page": 0.9, "answer": 0.9, "refused": 0.9, "unverified": 0.0}


def _figures(told: dict[str, float], suffix: str) -> Figures:
    made: dict[str, dict[str, Any]] = {}
    for name, value in told.items():
        bound = _BOUNDS[name]
        made[f"{name}{suffix}"] = {
            "value": round(value, 3),
            "unit": "quotes" if name == "unverified" else "share",
            "floor": bound,
            "ratio": round(value / bound, 3) if bound else None,
        }
    return made
