"""How concurrent edits of a field meet, and how sensitive it is: what stands beside every field."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from shared.routing import DataClass


class Merge(StrEnum):
    """How an edit meets a field that changed since its author looked.

    * `REGISTER`: it does not; two different values are a conflict for a person.
    * `NEWEST`: the later one in the server's order stands.
    * `APPEND`: both entries are kept, each once.
    * `ADD`: the edit is a signed amount; amounts add up, never below the field's floor.
    * `MEMBERS`: the edit adds and removes members of a set.
    * `TICKS`: the edit ticks one item of a list, or takes back the ticks that its author saw; no tick gets lost.
    * `TRANSITION`: the edit is a step of a state machine (`reconciliation.lifecycle`), taken if it is still allowed.
    """

    REGISTER = "register"
    NEWEST = "newest"
    APPEND = "append"
    ADD = "add"
    MEMBERS = "members"
    TICKS = "ticks"
    TRANSITION = "transition"


#: Rules under which an edit replaces what stands, so that it rests on the value that its author saw.
REPLACES = frozenset({Merge.REGISTER, Merge.NEWEST, Merge.TRANSITION})

#: Rules under which a field grows by what people did to it; no file is imported over that.
GROWS = frozenset({Merge.APPEND, Merge.TICKS})


@dataclass(frozen=True)
class Rule:
    """What stands beside a field. `floor`: of an amount; `editable`: a person may set it with `field.updated`."""

    merge: Merge
    data_class: DataClass = DataClass.INTERNAL
    floor: int | None = None
    editable: bool = False


#: One word of a work order's tags.
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]

#: The short name of a checklist's item, unique in its list.
ItemId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]

#: A file's name without a folder.
FileName = Annotated[str, StringConstraints(pattern=r"^[^/\\\x00-\x1f\x7f]{1,120}$")]


class Body(BaseModel):
    """The fields of one record kind, closed and frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
