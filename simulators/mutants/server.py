"""Bugs of the server. The names that they spoil are given as text: nothing here is meant to fit."""

from dataclasses import replace
from typing import Any

from simulators.mutants.base import put
from sync_server import admission
from sync_server.batch import places
from sync_server.chain import Taken
from sync_server.store import Tx
from sync_server.store.records import Page, Records


def signature_unchecked() -> None:
    """It takes any 64 bytes for a signature under a command."""
    put(admission, "verify", lambda *_: None)


def fork_accepted() -> None:
    """It takes whatever comes as the next link of the chain."""
    put(places, "place_of", lambda command, digest, epoch: Taken(epoch.at(command.seq, digest)))


def cursor_skips() -> None:
    """The last change of a page that holds several is counted as delivered, and is not in it."""
    feed = Records.feed

    def shorter(self: Tx, *arguments: Any) -> Page:
        page: Page = feed(self, *arguments)
        return replace(page, records=page.records[:-1]) if len(page.records) > 1 else page

    put(Records, "feed", shorter)
