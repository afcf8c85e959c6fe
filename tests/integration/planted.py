"""Faults for the kill campaign to find. Each is called in a child process before anything else happens there.

The names of the product that these spoil are given as text: nothing here is meant to fit.
"""

from typing import Any

from sqlalchemy import delete

import sync_server.batch.places
from device.store import DeviceStore
from shared.commands.base import Command
from sync_server.chain import Taken
from sync_server.store import Tx
from sync_server.store.ledger import LEDGER, Ledger
from sync_server.store.records import Records

HERE = "tests.integration.planted:"


def _put(owner: Any, name: str, fault: Any) -> None:
    setattr(owner, name, fault)


def no_dedupe() -> None:
    """The server knows no command again: not by its id, not by its place in the chain, not by the ledger's key."""
    add = Ledger.add_entries

    def over(self: Tx, tenant: str, entries: Any, root: int | None = None) -> None:
        listed = list(entries)
        self._do(delete(LEDGER).where(LEDGER.c.id.in_([entry.command.id for entry in listed])))
        add(self, tenant, listed, root)

    _put(Ledger, "entries", lambda *_: {})
    _put(Ledger, "add_entries", over)
    _put(sync_server.batch.places, "place_of", lambda command, digest, epoch: Taken(epoch.at(command.seq, digest)))


def records_apart() -> None:
    """The server commits the records before the ledger: those of laptops only.

    A commit of its own takes the savepoints along in which units of work share a transaction, and whoever enrols at
    that moment would be told of a fault of ours.
    """
    put = Records.put_records

    def then_commit(self: Tx, tenant: str, writes: Any) -> None:
        listed = list(writes)
        put(self, tenant, listed)
        if any(write.record.ref.startswith(("work_order/", "stock_item/")) for write in listed):
            self._connection.exec_driver_sql("COMMIT")
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")

    _put(Records, "put_records", then_commit)


def records_forgotten() -> None:
    """The server settles without writing anything."""
    _put(Records, "put_records", lambda *_: None)


def mark_nothing() -> None:
    """The laptop sends without marking what may have left."""
    _put(DeviceStore, "mark_sent", lambda *_, **__: None)


def say_too_early() -> None:
    """The laptop calls a step saved that it does not keep."""
    append = DeviceStore.append

    def but_steps(self: DeviceStore, command: Command, *rest: Any, **more: Any) -> None:
        if command.kind != "status.changed":
            append(self, command, *rest, **more)

    _put(DeviceStore, "append", but_steps)
