"""The base of every message that crosses a boundary, and the few value types that they share.

A contract is frozen and closed: it cannot change after it was validated, and an unknown field is an error, not a
surprise for later.
"""

from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, GetPydanticSchema, JsonValue, StringConstraints
from pydantic_core import core_schema


class Contract(BaseModel):
    """A frozen, closed message. Unknown fields raise `pydantic.ValidationError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_bytes(self) -> bytes:
        """The message as compact UTF-8 JSON. Signed bytes are kept as they are and never made again from a parse."""
        return self.__pydantic_serializer__.to_json(self)  # as `model_dump_json`, without the way through text


#: An aware instant; contracts refuse naive ones.
Instant = AwareDatetime

#: A value out of a document that was strictly read (`shared.strict_json`). It can only be JSON, so it is not asked
#: again what it is: that would take longer than the reading.
ReadJson = Annotated[JsonValue, GetPydanticSchema(lambda _type, _handler: core_schema.any_schema())]

#: UUIDv7 in its canonical 36-character form. Source: RFC 9562, section 5.7.
CommandId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
]

#: Lower-case hexadecimal SHA-256.
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

#: First 32 hexadecimal digits of the SHA-256 of a raw Ed25519 public key.
KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]

#: A short machine name: tenant, device, person, command kind.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]

#: Which record, anywhere: ``kind/id``, for example ``work_order/WO-1042``.
RecordRef = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}/[A-Za-z0-9._-]{1,64}$")]

#: References to records of one kind.
AssetRef = Annotated[str, StringConstraints(pattern=r"^asset/[A-Za-z0-9._-]{1,64}$")]
WorkOrderRef = Annotated[str, StringConstraints(pattern=r"^work_order/[A-Za-z0-9._-]{1,64}$")]
StockItemRef = Annotated[str, StringConstraints(pattern=r"^stock_item/[A-Za-z0-9._-]{1,64}$")]

#: What a person typed: at most 4,000 characters.
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


@lru_cache(maxsize=256)
def instant_text(at: datetime) -> str:
    """`at` in ISO 8601, with its offset. A unit of work writes the same few instants thousands of times."""
    return at.isoformat()


def to_instant(text: str) -> datetime:
    """An ISO 8601 instant with an offset as an aware datetime. Raises `ValueError` if it is naive or malformed."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"instant without an offset: {text}")
    return at
