"""The way to the device: what the screen needs until there is one.

The screen is given a door and not a device, so that its first page stands before the database is opened, and before
what the pages are made of is loaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the screen is given a device and builds none
    from device.bootstrap import Device


@dataclass(frozen=True, slots=True)
class Door:
    """How to get at the device; both ways block, and are gone away from the screen.

    Args:
        prepare: loads what opening takes. It is called first, while a person still types the PIN.
        open: the device behind it, given the PIN. Raises `DeviceError`.
        pin: the PIN, where somebody has said it already; None if the screen has to ask.
    """

    prepare: Callable[[], object]
    open: Callable[[str], "Device"]
    pin: str | None = None


def ajar(device: "Device") -> Door:
    """A door that needs no PIN: the device stands open."""
    return Door(lambda: None, lambda _: device, "")
