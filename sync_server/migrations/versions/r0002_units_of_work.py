"""Epochs, needs, withdrawals, removals, nonces; the ledger keeps raw bytes, and receipts beside what proves them.

What the first release kept is carried over: each chain's end becomes its epoch, each receipt's own envelope becomes
the root that proves it, and what waits for another command says so in `need`.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0002"
down_revision = "0001"

PAGE = 500
_OLD = sa.table(
    "ledger",
    *map(sa.column, ("tenant", "id", "hash", "device", "epoch", "seq", "envelope", "received_at")),
    *map(sa.column, ("hold", "problem", "outcome", "receipt")),
)


def upgrade() -> None:
    """From the first release's tables to these."""
    _make_tables()
    _grow_tables()
    _open_epochs()
    _rewrite_ledger()


def _name(name: str, **settings: Any) -> "sa.Column[Any]":
    return sa.Column(name, AutoString(), **{"nullable": False, **settings})


def _text(name: str, **settings: Any) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), **{"nullable": False, **settings})


def _big(name: str, **settings: Any) -> "sa.Column[Any]":
    return sa.Column(name, sa.BigInteger(), **{"nullable": False, **settings})


def _make_tables() -> None:
    key: dict[str, Any] = {"primary_key": True}
    op.create_table(
        "epoch",
        *(_name("tenant", **key), _name("device", **key), sa.Column("epoch", sa.Integer(), **key)),
        *(_big("head_seq"), _name("head_hash", nullable=True), _name("opened_at"), _name("reason")),
        _text("missing", nullable=True),
    )
    op.create_table("nonce", _name("keyid", **key), _name("nonce", **key), _name("seen_at", index=True))
    op.create_table("need", _name("tenant", **key), _name("need", **key), _name("command", **key))
    op.create_table("removal", _name("tenant", **key), _big("change_seq", **key), _name("ref"))
    op.create_table("receipts_root", _name("tenant", **key), _big("id", **key), _text("envelope"))
    op.create_table("withdrawal", _name("tenant", **key), _name("command", **key), _name("hash"), _text("envelope"))


def _grow_tables() -> None:
    for table, *columns in (
        ("tenant", _big("removals_from", server_default="0"), _text("settings", server_default="{}")),
        ("person", _name("teams", nullable=True)),
        ("device", _big("scope_seq", server_default="0"), _text("report", nullable=True)),
        ("key", _text("succession", nullable=True)),
        ("record", _name("team", nullable=True)),
    ):
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.add_column(column)
    with op.batch_alter_table("server") as batch:
        batch.alter_column("value", type_=sa.Text(), existing_type=AutoString(), existing_nullable=False)


def _open_epochs() -> None:
    op.execute(
        "INSERT INTO epoch (tenant, device, epoch, head_seq, head_hash, opened_at, reason) "
        "SELECT tenant, id, epoch, head_seq, head_hash, enrolled_at, 'enrolled' FROM device"
    )
    with op.batch_alter_table("device") as batch:
        batch.drop_column("head_seq")
        batch.drop_column("head_hash")


def _rewrite_ledger() -> None:
    op.drop_index("ledger_chain", "ledger")
    op.drop_index("ledger_hold", "ledger")
    connection, rewritten = op.get_bind(), _new_ledger()
    root = sa.table("receipts_root", *map(sa.column, ("tenant", "id", "envelope")))
    need = sa.table("need", *map(sa.column, ("tenant", "need", "command")))
    for rows in _pages(connection):
        entries = [_entry(row) for row in rows]
        roots = [_root(row) for row in rows if row["receipt"]]
        needs = [each for row, entry in zip(rows, entries, strict=True) for each in _needs(row, entry["payload"])]
        for table, values in ((rewritten, entries), (root, roots), (need, needs)):
            if values:
                connection.execute(sa.insert(table), values)
    op.drop_table("ledger")
    op.rename_table("ledger_new", "ledger")
    if connection.dialect.name == "postgresql":  # the key is named after the table, as of when it was made
        op.execute("ALTER INDEX ledger_new_pkey RENAME TO ledger_pkey")
    op.create_index("ledger_chain", "ledger", ["tenant", "device", "epoch", "seq"])
    held = sa.text("hold IS NOT NULL")
    op.create_index(
        "ledger_held",
        "ledger",
        ["tenant", "hold", "device", "epoch", "seq"],
        sqlite_where=held,
        postgresql_where=held,
    )


def _new_ledger() -> sa.Table:
    nothing: dict[str, Any] = {"nullable": True}
    return op.create_table(
        "ledger_new",
        *(_name("tenant", primary_key=True), _name("id", primary_key=True), _name("hash"), _name("device")),
        *(sa.Column("epoch", sa.Integer()), _big("seq", **nothing), _name("keyid")),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("payload", "signature")),
        *(_name("received_at"), _name("hold", **nothing), _name("due_at", **nothing), _text("problem", **nothing)),
        sa.Column("offset_s", sa.Float(), nullable=False, server_default="0"),
        sa.Column("doubtful", sa.Boolean(), nullable=False, server_default=sa.false()),
        *(_name("outcome", **nothing), _name("settled_at", **nothing)),
        sa.Column("receipt", sa.LargeBinary(), **nothing),
        *(_big("root", **nothing), _text("place", **nothing)),
    )


def _pages(connection: sa.Connection) -> Iterator[list[Mapping[str, Any]]]:
    """The old ledger by its key, so that no more than a page is in memory."""
    last: tuple[str, str] = ("", "")
    while True:
        query = sa.select(_OLD).where(sa.tuple_(_OLD.c.tenant, _OLD.c.id) > sa.tuple_(*last))
        rows = connection.execute(query.order_by(_OLD.c.tenant, _OLD.c.id).limit(PAGE)).mappings().all()
        if not rows:
            return
        yield [dict(row) for row in rows]
        last = (rows[-1]["tenant"], rows[-1]["id"])


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the new ledger: the envelope and the receipt's envelope taken apart."""
    envelope = json.loads(row["envelope"])
    (signature,) = envelope["signatures"]
    receipt = _payload(json.loads(row["receipt"])) if row["receipt"] else None
    told = json.loads(receipt) if receipt else None
    kept = ("tenant", "id", "hash", "device", "epoch", "seq", "received_at", "hold", "problem", "outcome")
    return {
        **{name: row[name] for name in kept},
        "keyid": signature["keyid"],
        "payload": _payload(envelope),
        "signature": b64decode(signature["sig"]),
        "settled_at": datetime.fromisoformat(told["settled_at"]).isoformat() if told else None,
        "receipt": receipt,
        "root": told["audit_position"] if told else None,
    }


def _payload(envelope: Mapping[str, Any]) -> bytes:
    return b64decode(envelope["payload"])


def _root(row: Mapping[str, Any]) -> dict[str, Any]:
    """The receipt's own envelope signs it alone; no two receipts have the same place in the audit."""
    receipt = json.loads(_payload(json.loads(row["receipt"])))
    return {"tenant": row["tenant"], "id": receipt["audit_position"], "envelope": row["receipt"]}


def _needs(row: Mapping[str, Any], payload: bytes) -> list[dict[str, Any]]:
    """What a command waits for: what it names, and what its bases rest on. What waits for a gap has a problem."""
    if row["hold"] != "waiting" or row["problem"]:
        return []
    command = json.loads(payload)
    bases = (base.get("command") for base in command.get("bases", ()))
    named = {*command.get("depends_on", ()), *bases} - {None}
    return [{"tenant": row["tenant"], "need": need, "command": row["id"]} for need in sorted(named)]
