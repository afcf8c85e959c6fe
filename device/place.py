"""Where a person was on the screen: kept on the disk, so that they go on there after a flat battery.

Rules
1. It is this laptop's note for itself: in the encrypted database, never sent, and nothing depends on it.
2. What cannot be read (written by another version) counts as nothing.
3. What was typed as a note or into a form is a draft (`device.drafts`) and is not kept twice.
"""

from dataclasses import dataclass, field

from pydantic import TypeAdapter, ValidationError

from device.store import DeviceStore

_KEY = "place"


@dataclass(frozen=True, slots=True)
class LeftPage:
    """One page as it was left.

    Args:
        where: the page's name.
        job: the work order that it is about, None if about none.
        tab: the tab that was shown, None if it has none.
        rows: list → its row under the cursor: the row's key, or its number where rows have none.
        typed: line → what stood in it.
        focus: the list or line that the keys went to; empty if none.
    """

    where: str
    job: str | None = None
    tab: int | None = None
    rows: dict[str, str | int] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)
    focus: str = ""


_READ = TypeAdapter(tuple[LeftPage, ...])


def keep_place(store: DeviceStore, pages: tuple[LeftPage, ...]) -> None:
    """These pages lie open, the first below all others. Raises `StoreError`."""
    store.set_meta(_KEY, _READ.dump_json(pages).decode())


def last_place(store: DeviceStore) -> tuple[LeftPage, ...]:
    """The pages that lay open when the screen ended, the first below all others. Raises `StoreError`."""
    stored = store.meta(_KEY)
    try:
        return _READ.validate_json(stored) if stored else ()
    except ValidationError:
        return ()
