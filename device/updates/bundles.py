"""Which policy bundle this laptop decides by: the office's, or the one that came with the program.

Rules
1. A bundle of the office, once here, stays in force until a newer one is. Past its own validity it narrows itself.
2. A bundle that this program cannot read any more (the program was set back, say) is not replaced by a wider one: the
   program's own is taken as if its time were over, which leaves nothing but this laptop.
"""

from dataclasses import dataclass

from device.updates.shelf import Shelf
from policies.bundle import BadBundle, Bundle, narrowed, unpack


@dataclass(frozen=True, slots=True)
class Ruling:
    """The bundle in force for everything, and where it came from: `program` or `office`.

    `serial` is that of the roll-out, None before one came. `trouble` is a sentence if the office's cannot be read.
    """

    bundle: Bundle
    source: str
    serial: int | None = None
    trouble: str | None = None


def accepts(version: int, raw: bytes) -> Bundle:
    """The bundle in `raw`, if it can be used and has that number. Raises `ValueError`."""
    try:
        bundle = unpack(raw)
    except BadBundle as error:
        raise ValueError(str(error)) from error
    if bundle.manifest.version != version:
        raise ValueError(f"it calls itself {bundle.manifest.version}")
    return bundle


def ruling(shelf: Shelf, shipped: Bundle) -> Ruling:
    """What is in force on this laptop; `shipped` came with the program."""
    serial = shelf.serial()
    try:
        here = shelf.in_force()
        if here is None or here.rollout.in_force is None:
            return Ruling(shipped, "program", serial)
        version = here.rollout.in_force
        return Ruling(accepts(version, here.bundles.get(version, b"")), "office", serial)
    except ValueError as error:
        trouble = f"The office's bundle cannot be read by this program ({str(error)[:200]}); update the program."
        return Ruling(narrowed(shipped), "program", serial, trouble)
