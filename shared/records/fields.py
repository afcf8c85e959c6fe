"""Every kind of record, and what its fields hold."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import JsonValue, TypeAdapter
from pydantic.fields import FieldInfo

from shared.records.knowledge import AssistTask, Document
from shared.records.review import Approval, Conflict, ExternalWrite
from shared.records.rules import Body, Rule
from shared.records.work import Asset, Reading, StockItem, WorkOrder

KINDS: Mapping[str, type[Body]] = {
    "work_order": WorkOrder,
    "asset": Asset,
    "reading": Reading,
    "stock_item": StockItem,
    "conflict": Conflict,
    "approval": Approval,
    "external_write": ExternalWrite,
    "assist_task": AssistTask,
    "document": Document,
}


@cache
def rule_of(kind: str, name: str) -> Rule:
    """The rule beside a field. Raises `ValueError` for a kind or field that does not exist."""
    return next(item for item in _field(kind, name).metadata if isinstance(item, Rule))


@cache
def editable_fields(kind: str) -> tuple[str, ...]:
    """The fields of `kind` that a person may set directly, in the order of its declaration; none for no kind."""
    fields = KINDS[kind].model_fields if kind in KINDS else ()
    return tuple(name for name in fields if rule_of(kind, name).editable)


@cache
def default_of(kind: str, name: str) -> JsonValue:
    """What a field holds in a record that does not name it (JSON form); None for no such field, or no default."""
    info = KINDS[kind].model_fields.get(name) if kind in KINDS else None
    if info is None or info.is_required():
        return None
    default: JsonValue = _adapter(kind, name).dump_python(info.get_default(call_default_factory=True), mode="json")
    return default


def check_value(kind: str, name: str, value: JsonValue) -> JsonValue:
    """`value` as the field would store it (JSON form). Raises `ValueError` if the field cannot hold it."""
    adapter = _adapter(kind, name)
    stored: JsonValue = adapter.serializer.to_python(adapter.validator.validate_python(value), mode="json")
    return stored


def check_entry(kind: str, name: str, entry: JsonValue) -> JsonValue:
    """One `entry` of a list field as the field would store it. Raises `ValueError` if the field cannot hold it."""
    adapter = _entry_adapter(kind, name)
    stored: JsonValue = adapter.serializer.to_python(adapter.validator.validate_python(entry), mode="json")
    return stored


def check_fields(kind: str, fields: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """A whole new record's fields, defaults filled in (JSON form). Raises `ValueError` if they do not fit."""
    return KINDS[kind].model_validate(fields).model_dump(mode="json")


def _field(kind: str, name: str) -> FieldInfo:
    body = KINDS.get(kind)
    if body is None or name not in body.model_fields:
        raise ValueError(f"there is no field {name} of a {kind}")
    return body.model_fields[name]


@cache
def _adapter(kind: str, name: str) -> TypeAdapter[Any]:
    info = _field(kind, name)
    constraints = tuple(item for item in info.metadata if not isinstance(item, Rule))
    shape: Any = Annotated[(info.annotation, *constraints)] if constraints else info.annotation
    return TypeAdapter(shape)


@cache
def _entry_adapter(kind: str, name: str) -> TypeAdapter[Any]:
    entry, *_ = get_args(_field(kind, name).annotation)
    return TypeAdapter(entry)
