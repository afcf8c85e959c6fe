"""What `tailboard` does when it is called alone: the screen.

It loads the screen and not the device: what the device is made of is loaded behind the door, when the first page
stands (ADR 37).
"""

import argparse
import asyncio
import importlib
import sys
from typing import TYPE_CHECKING

from device.errors import LocalError
from device.pin import pin_in_file
from device.settings import Settings, from_environment
from device.tui.app import show
from device.tui.door import Door
from shared.commandline import Report, UsageError

if TYPE_CHECKING:
    from device.bootstrap import Device

_BOOTSTRAP = "device.bootstrap"


def screen(arguments: argparse.Namespace) -> Report:
    """Open the TUI."""
    if not sys.stdout.isatty() and not arguments.in_browser:
        raise UsageError("The screen needs a terminal. Without one, use: tailboard --help")
    if arguments.no_input:
        raise UsageError("The screen is there to ask and be asked. Without --no-input it opens; for scripts: --help")
    settings = from_environment(home=arguments.home)
    if not settings.keys.exists():
        raise LocalError("This laptop is not enrolled yet. Run: tailboard enrol URL CODE")
    broken = asyncio.run(show(door(settings, pin_in_file(arguments))))
    return Report("tailboard.screen.v1", ok=not broken)


def door(settings: Settings, pin: str | None) -> Door:
    """The door of the device at home in `settings`; whoever goes through it without a `pin` is asked for it."""

    def open_device(typed: str) -> "Device":
        from device import bootstrap  # noqa: PLC0415  # behind the door
        from shared.ports import system_ports  # noqa: PLC0415  # as above

        return bootstrap.open_device(settings, typed, system_ports())

    return Door(lambda: importlib.import_module(_BOOTSTRAP), open_device, pin)
