"""Which words a model was evaluated with. Whoever changes a prompt, a schema or a tool adds a version here."""

from device.core import prompts
from shared.commands import CATALOGUE

#: Version → fingerprint. Never change an old line: reports on laptops name these versions.
KNOWN = {1: "f947a993857432b6"}


def test_a_changed_word_is_another_version() -> None:
    assert prompts.fingerprint() == KNOWN[prompts.VERSION], (
        "prompts, schemas or tools changed: raise device.core.prompts.VERSION, add a line here, and evaluate again"
    )
    assert max(KNOWN) == prompts.VERSION
    assert len(set(KNOWN.values())) == len(KNOWN)


def test_every_tool_is_of_the_catalogue() -> None:
    assert {each.kind.name for each in prompts.TOOLS} <= CATALOGUE.keys()
