"""What stands around every page: where one can go, and how much waits there.

Rules
1. Every page says how much waits for somebody, so that nothing waits unseen.
2. What somebody may not open stays in sight, with the reason.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from policies.acts import Act
from sync_server.console.blocks import Said, said
from sync_server.office.looking import Waiting

#: path, words, the act that it takes, and what of `Waiting` is counted there
_PLACES: tuple[tuple[str, str, Act, tuple[str, ...]], ...] = (
    ("/console/conflicts", "Conflicts", Act.LOOK, ("conflicts",)),
    ("/console/approvals", "Approvals", Act.LOOK, ("approvals",)),
    ("/console/parked", "Parked writes", Act.LOOK, ("parked",)),
    ("/console/quarantine", "Quarantine", Act.LOOK, ("quarantined",)),
    ("/console/devices", "Devices", Act.LOOK, ("devices",)),
    ("/console/refused", "Refused work", Act.LOOK, ()),
    ("/console/orders", "Work orders", Act.LOOK, ()),
    ("/console/audit", "Audit", Act.AUDIT, ()),
    ("/console/people", "People", Act.LOOK, ()),
    ("/console/policies", "Policies", Act.LOOK, ()),
    ("/console/models", "Models", Act.LOOK, ()),
    ("/console/health", "Routes and health", Act.LOOK, ()),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A page that one can go to. `counted` names the count beside it; `why_not` says why it is not open."""

    href: str
    label: Said
    counted: str
    count: int
    here: bool
    why_not: Said | None


@dataclass(frozen=True, slots=True)
class Frame:
    """The links, and as of when they were counted."""

    links: tuple[Place, ...]
    waiting: Waiting
    at: datetime

    @property
    def seen(self) -> str:
        """As of when, for comparing."""
        return seen_as(self.waiting)


def frame_of(path: str, waiting: Waiting, refusals: Mapping[Act, Said], at: datetime) -> Frame:
    """The frame of the page at `path` as of `at`; `refusals` say which acts are not open to its reader, and why."""
    counts = counts_of(waiting)
    links = tuple(
        Place(
            href,
            Said(words),
            counted[0] if counted else "",
            sum(counts[name] for name in counted),
            path == href or path.startswith(f"{href}/"),
            refusals.get(act),
        )
        for href, words, act, counted in _PLACES
    )
    return Frame(links, waiting, at)


def counts_of(waiting: Waiting) -> Mapping[str, int]:
    """How much waits, by name."""
    return {name: value for name, value in asdict(waiting).items() if name not in {"change_seq", "audit_position"}}


def seen_as(waiting: Waiting) -> str:
    """As of when `waiting` was counted."""
    return f"{waiting.change_seq}.{waiting.audit_position}"


def takes(roles: str, has: str) -> Said:
    """Why somebody may not."""
    return said("it takes {roles}, and you are {has}", roles=roles, has=has)
