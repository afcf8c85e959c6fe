"""What a CSV file would change, said before anything is changed.

Rules
1. The header names `id` and fields. An empty cell leaves a field alone. Cells of fields that hold lists are JSON.
2. Every bad row is named with its line and why; a plan with bad rows is never applied.
3. A second run of the same file changes nothing.
4. What people have done since stands: over an existing record a file does not move its state, counters or tags,
   unless that is asked for, and never replaces what was appended or ticked.
"""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args, get_origin

from pydantic import JsonValue, TypeAdapter

from shared import strict_json
from shared.commands.record_imported import IMPORTABLE
from shared.contract import RecordRef
from shared.ids import record_ref
from shared.problems import Code, Refused
from shared.records import GROWS, KINDS, Merge, Record, check_fields, rule_of

_REF: TypeAdapter[str] = TypeAdapter(RecordRef)
#: Over an existing record these are people's work, not a file's.
_WORKED_ON = frozenset({Merge.TRANSITION, Merge.ADD, Merge.MEMBERS, Merge.TICKS})


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a file that cannot be imported: its line number, and why."""

    line: int
    why: str


@dataclass
class ImportPlan:
    """What a file would do.

    `new` and `changes` map a record to the fields that it gets; `versions` are those of the records when the plan was
    made; `kept` names fields that the file would change and that stand, because people work on them.
    """

    kind: str
    new: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    changes: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    kept: dict[str, list[str]] = field(default_factory=dict)
    same: int = 0
    bad: list[BadRow] = field(default_factory=list)

    def only_new(self) -> "ImportPlan":
        """The plan without its changes: what is there stays as people left it."""
        kept = {ref: sorted({*self.kept.get(ref, ()), *fields}) for ref, fields in self.changes.items()}
        return replace(self, changes={}, kept={**self.kept, **kept})


def plan(
    kind: str, text: str, standing: Mapping[str, Record], assets: Collection[str], *, overwrite: bool = False
) -> ImportPlan:
    """What the CSV `text` would do to the records of `kind` that are `standing`.

    Args:
        kind: one of `IMPORTABLE`.
        text: the file.
        standing: every record of the kind, by reference.
        assets: references that a row may name as its asset.
        overwrite: the file also sets states and counters of existing records.

    Raises:
        Refused: it cannot be a file of this kind at all.
    """
    if kind not in IMPORTABLE:
        raise Refused(Code.MALFORMED, f"{kind} cannot be imported; importable: {', '.join(IMPORTABLE)}")
    reader = csv.DictReader(io.StringIO(text, newline=None), strict=True)
    made = ImportPlan(kind)
    try:
        _check_header(kind, reader.fieldnames or [])
        for row in reader:
            _plan_row(made, row, reader.line_num, standing, assets, overwrite=overwrite)
    except csv.Error as error:
        raise Refused(Code.MALFORMED, f"line {reader.line_num + 1} is not CSV: {error}") from error
    return made


def _check_header(kind: str, header: Sequence[str]) -> None:
    unknown = sorted(set(header) - set(KINDS[kind].model_fields) - {"id"})
    twice = sorted({name for name in header if header.count(name) > 1})
    wrong = f"no field {unknown[0]}" if unknown else f"two columns named {twice[0]}" if twice else "no column id"
    if unknown or twice or "id" not in header:
        fields = ", ".join(KINDS[kind].model_fields)
        raise Refused(Code.MALFORMED, f"a file of {kind} has {wrong}; its header is: id, {fields}")


def _plan_row(
    made: ImportPlan,
    row: Mapping[str, str | None],
    line: int,
    standing: Mapping[str, Record],
    assets: Collection[str],
    *,
    overwrite: bool,
) -> None:
    try:
        ref = _ref(made, row)
        fields = _fields(made.kind, row)
        record = standing.get(ref)
        full = check_fields(made.kind, {**(record.fields if record else {}), **fields})
        if fields.get("asset") is not None and full["asset"] not in assets:
            raise ValueError(f"no such asset, {full['asset']}")
        changed = _changed(made, record, fields, full, overwrite=overwrite) if record else {}
    except ValueError as error:
        made.bad.append(BadRow(line, _why(error)))
        return
    if record is None:
        made.new[ref] = fields
        made.versions[ref] = 0
    elif changed:
        made.changes[ref] = changed
        made.versions[ref] = record.version
    else:
        made.same += 1


def _changed(
    made: ImportPlan,
    record: Record,
    fields: Mapping[str, JsonValue],
    full: Mapping[str, JsonValue],
    *,
    overwrite: bool,
) -> dict[str, JsonValue]:
    """The fields of an existing record that the file may set, with their new values."""
    differing = [name for name in fields if full[name] != record.value(name)]
    merges = {name: rule_of(record.kind, name).merge for name in differing}
    kept = {name for name, merge in merges.items() if merge in _WORKED_ON and not overwrite}
    if appended := [name for name, merge in merges.items() if merge in GROWS and name not in kept]:
        raise ValueError(f"{appended[0]} cannot be imported over an existing record")
    if kept:
        made.kept[record.ref] = sorted(kept)
    return {name: full[name] for name in differing if name not in kept}


def _ref(made: ImportPlan, row: Mapping[str, str | None]) -> str:
    if None in row:
        raise ValueError("more cells than the header has columns")
    record_id = (row.get("id") or "").strip()
    if not record_id:
        raise ValueError("no id")
    try:
        ref = _REF.validate_python(record_ref(made.kind, record_id))
    except ValueError:
        raise ValueError("that cannot be an id: letters, digits, . _ - and at most 64 of them") from None
    if ref in made.versions:
        raise ValueError(f"{record_id} stands twice in the file")
    return ref


def _fields(kind: str, row: Mapping[str, str | None]) -> dict[str, JsonValue]:
    cells = {name: (cell or "").strip() for name, cell in row.items() if name != "id"}
    return {name: _cell(kind, name, cell) for name, cell in cells.items() if cell}


def _cell(kind: str, name: str, cell: str) -> JsonValue:
    annotation = KINDS[kind].model_fields[name].annotation
    if get_origin(annotation) is not tuple and not any(get_origin(part) is tuple for part in get_args(annotation)):
        return cell
    try:
        value: JsonValue = strict_json.parse(cell.encode())
    except strict_json.BadJson as error:
        raise ValueError(f"{name} is not readable JSON: {error}") from error
    return value


def _why(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
