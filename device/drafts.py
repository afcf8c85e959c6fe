"""What a person typed or marked and has not confirmed: kept on the disk, where no crash and no flat battery takes it.

Rules
1. A draft is nobody's business but its author's: it lies in the encrypted database, is never sent, and has no effect.
2. There is one draft for each job. An empty one is forgotten.
3. What cannot be read (written by another version) counts as none; it stays on the disk until it is written over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import JsonValue, TypeAdapter, ValidationError

from device.core.interpret import Proposal
from device.store import DeviceStore

_KEY = "draft:"
_ALL = "SELECT key, value FROM meta WHERE key >= 'draft:' AND key < 'draft;' ORDER BY key"


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A proposal that was on the table: who put it there (``you`` or ``assistant``), and whether it was ticked."""

    kind: str
    record: str
    payload: dict[str, JsonValue]
    words: dict[str, str]
    by: str
    ticked: bool

    @property
    def proposal(self) -> Proposal:
        """The proposal itself."""
        return Proposal(self.kind, self.record, self.payload, self.words)


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What stands on one job's page and is not saved.

    Args:
        sentence: what stands in the line.
        marks: items of the checklist that were marked, or whose tick was marked to be taken back.
        forms: what was typed into a form and not entered, by the form's own name.
        rows: what stood on the table, in its order, when the person was looking at it.
    """

    sentence: str = ""
    marks: tuple[str, ...] = ()
    forms: dict[str, str] = field(default_factory=dict)
    rows: tuple[DraftRow, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.sentence.strip() or self.marks or any(self.forms.values()) or self.rows)

    def with_form(self, form: str, typed: str) -> "Unsaved":
        """With what was typed into `form`; nothing typed forgets it."""
        others = {name: text for name, text in self.forms.items() if name != form}
        return replace(self, forms=others | ({form: typed} if typed else {}))

    def words(self) -> str:
        """What there is, for a person."""
        said = [f"“{self.sentence.strip()[:40]}”"] if self.sentence.strip() else []
        said += [f"{len(self.marks)} marked"] if self.marks else []
        said += [f"{form.partition(' ')[0]} “{text[:20]}”" for form, text in self.forms.items()]
        said += [f"{len(self.rows)} to confirm"] if self.rows else []
        return ", ".join(said)


_READ = TypeAdapter(Unsaved)


class Drafts:
    """The drafts of one laptop, over its database."""

    def __init__(self, store: DeviceStore) -> None:
        self._store = store

    def all(self) -> dict[str, Unsaved]:
        """Job → draft. Raises `StoreError`."""
        read = {str(key).removeprefix(_KEY): _read(str(value)) for key, value in self._store.read(_ALL)}
        return {job: unsaved for job, unsaved in read.items() if unsaved}

    def keep(self, drafts: Mapping[str, Unsaved]) -> None:
        """Write these down, durably. Raises `StoreError`."""
        with self._store.transaction():
            for job, unsaved in drafts.items():
                if unsaved:
                    self._store.set_meta(f"{_KEY}{job}", _READ.dump_json(unsaved).decode())
                else:
                    self._store.drop_meta(f"{_KEY}{job}")


def _read(stored: str) -> Unsaved:
    try:
        return _READ.validate_json(stored)
    except ValidationError:
        return Unsaved()
