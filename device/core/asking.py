"""A question in words, with what of its job goes along; and what a small model made of it.

Rules
1. What goes along is what the question needs: no person, no note, no access, nothing whose class is above internal
   by its field. The classifier looks at the whole all the same.
2. Passages of manuals go along as quotations, behind the question; their documents' classes count like the fields'.
3. A small model writes one text under a grammar. What was cut off is taken as far as it goes.
"""

import json
from collections.abc import Mapping
from typing import Any

from shared.ids import id_of
from shared.records import Record, rule_of
from shared.routing import DataClass

#: Of the job, and of its asset.
_JOB_FIELDS = ("title", "status")
_ASSET_FIELDS = ("name", "type")

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}},
    "required": ["answer"],
    "additionalProperties": False,
}
_OPENS = '{"answer": "'
#: As a model's tokens go, so that what is read fits beside the answer.
_CHARS_PER_TOKEN = 3


def composed(text: str, job: Record | None, asset: Record | None) -> str:
    """Everything that a model sees of a question."""
    lines = [f"Job {id_of(job.ref)}: {_told(job, _JOB_FIELDS)}"] if job else []
    lines += [f"Equipment {id_of(asset.ref)}: {_told(asset, _ASSET_FIELDS)}"] if asset else []
    return "\n".join([*lines, text])


def with_passages(words: str, passages: str) -> str:
    """A question with what the manuals have about it; the question first, because what is too long loses its end."""
    return f"{words}\n\n{passages}" if passages else words


def _told(record: Record, names: tuple[str, ...]) -> str:
    return ", ".join(str(record.fields[name]) for name in names)


def field_classes(job: Record | None, asset: Record | None) -> tuple[DataClass, ...]:
    """What the fields declare that go along."""
    of_job = [rule_of("work_order", name).data_class for name in _JOB_FIELDS] if job else []
    return (*of_job, *([rule_of("asset", name).data_class for name in _ASSET_FIELDS] if asset else []))


def prompt_for(words: str, context_tokens: int, output_tokens: int) -> str:
    """What a small model is asked; of a text that is too long for it, the beginning."""
    room = max(context_tokens - output_tokens - 64, 64) * _CHARS_PER_TOKEN
    return f"Answer the question of a maintenance technician in one or two short sentences.\n\n{words[:room]}\n\n"


class Spoken:
    """The words of an answer under `SCHEMA`, while it is being written."""

    def __init__(self) -> None:
        self._written, self._told = "", 0

    def hear(self, piece: str) -> str:
        """What `piece` adds to the words."""
        self._written += piece
        if not self._written.startswith(_OPENS):
            return ""
        words = self._written[len(_OPENS) :].partition('"')[0]
        new, self._told = words[self._told :], len(words)
        return new


def read_answer(written: str) -> str:
    """The text in what a model wrote under `SCHEMA`, complete or cut short."""
    try:
        value = json.loads(written)
        return str(value["answer"]).strip()
    except (ValueError, KeyError, TypeError):
        return written.removeprefix(_OPENS).removesuffix('"}').strip()
