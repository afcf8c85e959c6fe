"""Where the PIN comes from: a file that was named, or the person at the keyboard."""

import argparse
import getpass
import sys
from pathlib import Path

from shared.commandline import UsageError


def pin_of(arguments: argparse.Namespace, *, new: bool = False) -> str:
    """The PIN, from its file or from the keyboard. Raises `UsageError` if there is neither."""
    if (said := pin_in_file(arguments)) is not None:
        return said
    if arguments.no_input:
        raise UsageError("Nothing may be asked (--no-input), and the PIN is needed; give --pin-file FILE.")
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask for the PIN; give --pin-file FILE.")
    pin = getpass.getpass("New PIN for this laptop: " if new else "PIN: ")
    if new and pin != getpass.getpass("Again: "):
        raise UsageError("The two PINs differ; nothing was made. Run it again.")
    return pin


def pin_in_file(arguments: argparse.Namespace) -> str | None:
    """The PIN from the file that was named; None if none was. Raises `UsageError` if it cannot be read."""
    if not arguments.pin_file:
        return None
    try:
        return Path(arguments.pin_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read the PIN file {arguments.pin_file}: {error}.") from error
