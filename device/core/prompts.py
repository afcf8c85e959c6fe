"""Which version the prompts and tools of this program are, so that an evaluation is known to be about them.

Rules
1. A model is evaluated with the prompts that it will be asked, and with the answers that it may give (the tools: the
   kinds of command that a proposal can become). Whoever changes a word of either raises `VERSION`; a test knows the
   fingerprint of each version.
2. A report about another version says nothing about this one: the model is evaluated again.
"""

import hashlib
import json

from device.core import asking, prompt
from shared.commands import CATALOGUE
from shared.commands.field_updated import FieldUpdated
from shared.commands.note_added import NoteAdded
from shared.commands.part_consumed import PartConsumed
from shared.commands.reading_recorded import ReadingRecorded
from shared.commands.status_changed import StatusChanged

VERSION = 1
#: What a proposal can become.
TOOLS = (NoteAdded, FieldUpdated, PartConsumed, ReadingRecorded, StatusChanged)


def fingerprint() -> str:
    """Of every word that a model is asked with, and of the tools' kinds and versions."""
    kinds = [f"{each.kind.name}/{each.kind.version}" for each in TOOLS if each.kind.name in CATALOGUE]
    asked = [
        prompt.INSTRUCTIONS,
        prompt.prompt_for("note", {"action": ["one", "two", prompt.REFUSAL], "state": ["done", prompt.REFUSAL]}),
        asking.prompt_for("words", 2048, 128),
        json.dumps(asking.SCHEMA, sort_keys=True),
    ]
    return hashlib.sha256(json.dumps([*asked, *kinds]).encode()).hexdigest()[:16]
