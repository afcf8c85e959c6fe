"""How a confirmed proposal becomes a command: the record of what its author saw.

The bases are taken from the author's view at the moment of confirming. A value that came from an earlier command that
is still pending is named by that command's id, because the author built on it.
"""

from datetime import datetime

from reconciliation.draft import Draft, refs_touched
from reconciliation.rebase import View
from shared.commands.base import Base, Command, Creation, Edit, Effect, Payload
from shared.ids import kind_of
from shared.records import REPLACES, Merge, rule_of
from shared.routing import DataClass, highest
from shared.values import value

#: The rules by which what an edit makes of a field depends on what its author saw there.
_BASED = REPLACES | {Merge.ADD}


@value(frozen=True, slots=True)
class Author:
    """Who confirms what, where and when; `chain` is (epoch, seq, hash of the envelope before), None at the office."""

    id: str
    tenant: str
    device: str
    actor: str
    issued_at: datetime
    policy_version: str
    chain: tuple[int, int, str | None] | None = None


def compose(payload: Payload, record: str, author: Author, seen: View) -> Command:
    """The command that `author` confirms: `payload` about `record`, based on what is `seen`.

    Raises:
        ValueError: a value is out of the contract's bounds.
    """
    return compose_draft(payload, record, author, seen).command


def compose_draft(payload: Payload, record: str, author: Author, seen: View) -> Draft:
    """The same command, read already: its payload is at hand, so whoever goes on with it need not read it again.

    Raises:
        ValueError: a value is out of the contract's bounds.
    """
    epoch, seq, prev = author.chain or (None, None, None)
    standing = seen.records.get(record)
    draft = Command(
        id=author.id,
        kind=payload.kind.name,
        schema_version=payload.kind.version,
        tenant=author.tenant,
        device=author.device,
        epoch=epoch,
        seq=seq,
        prev=prev,
        actor=author.actor,
        record=record,
        base_version=standing.version if standing else 0,
        issued_at=author.issued_at,
        expires_at=author.issued_at + payload.kind.lifetime,
        data_class=DataClass.RESTRICTED,
        policy_version=author.policy_version,
        payload=payload.to_json(),
    )
    effects = payload.effects(draft)
    bases = tuple([_base(effect, seen) for effect in effects if _rests_on_base(effect)])
    looked_at = refs_touched(draft, effects)
    command = draft.model_copy(
        update={
            "bases": bases,
            "depends_on": _births(looked_at | payload.reads(draft), seen) if seen.born_by else (),
            "data_class": highest(*{each for effect in effects for each in _classes(effect)}),
        }
    )
    if bases:  # an effect may tell what its author saw
        effects = payload.effects(command)
    return Draft(command, payload, effects, looked_at)


def _rests_on_base(effect: Effect) -> bool:
    return isinstance(effect, Edit) and (
        effect.decided or rule_of(kind_of(effect.record), effect.field).merge in _BASED
    )


def _base(effect: Effect, seen: View) -> Base:
    assert isinstance(effect, Edit), "only edits have a base"
    record = seen.records.get(effect.record)
    replaces = rule_of(kind_of(effect.record), effect.field).merge in REPLACES
    return Base(
        record=effect.record,
        field=effect.field,
        value=record.value(effect.field) if record else None,
        version=record.version if record else 0,
        command=seen.pending.get((effect.record, effect.field)) if replaces else None,
    )


def _births(looked_at: frozenset[str], seen: View) -> tuple[str, ...]:
    return tuple(sorted({seen.born_by[ref] for ref in looked_at if ref in seen.born_by}))


def _classes(effect: Effect) -> list[DataClass]:
    kind = kind_of(effect.record)
    names = list(effect.fields) if isinstance(effect, Creation) else [effect.field]
    return [rule_of(kind, name).data_class for name in names]
