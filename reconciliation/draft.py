"""A command read once: its payload as its kind's class, and the effects that it asks for.

Reading is the expensive part of a command; every rule that needs the payload or the effects takes them from here.
"""

from shared.commands import read_payload
from shared.commands.base import Command, Effect, Payload
from shared.values import value


@value(frozen=True, slots=True)
class Draft:
    """A command with its payload and effects, made by `draft_of`.

    `refs` are the records that the command is about, creates or changes.
    """

    command: Command
    payload: Payload
    effects: tuple[Effect, ...]
    refs: frozenset[str]


def draft_of(command: Command | Draft) -> Draft:
    """`command` read once; a draft is returned as it is.

    Raises:
        UnknownKind: kind or schema version not known here.
        ValueError: known, but the payload does not fit.
    """
    if isinstance(command, Draft):
        return command
    payload = read_payload(command)
    effects = payload.effects(command)
    return Draft(command, payload, effects, refs_touched(command, effects))


def refs_touched(command: Command, effects: tuple[Effect, ...]) -> frozenset[str]:
    """The records that `command` is about, creates or changes by its `effects`."""
    return frozenset([command.record, *[effect.record for effect in effects]])


def refs_of(command: Command | Draft) -> frozenset[str]:
    """Every record that deciding `command` needs. Raises as `draft_of` does."""
    draft = draft_of(command)
    return draft.refs | draft.payload.reads(draft.command)
