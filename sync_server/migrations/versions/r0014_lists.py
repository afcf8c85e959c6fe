"""What the office's lists are asked for by: the state of records, and whom and what the audit mentions."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0014"
down_revision = "0013"

_KINDS = "kind IN ('conflict', 'approval', 'external_write', 'work_order')"
_STATED = sa.text("state IS NOT NULL")


def upgrade() -> None:
    """States follow from the records that are there; the audit is gone through by the first sweep."""
    with op.batch_alter_table("record") as table:
        table.add_column(sa.Column("state", AutoString(), nullable=True))
        table.drop_index("record_kind")
    for told in _states(op.get_bind().dialect.name):
        op.execute(told)
    op.create_index("record_kind", "record", ["tenant", "kind", "ref"])
    op.create_index(
        "record_state",
        "record",
        ["tenant", "kind", "state", "ref"],
        sqlite_where=_STATED,
        postgresql_where=_STATED,
    )
    op.create_table(
        "audit_mention",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "named")),
        sa.Column("position", sa.BigInteger(), primary_key=True),
    )


def _states(dialect: str) -> tuple[str, str]:
    def said(name: str) -> str:
        if dialect == "sqlite":
            return f"json_extract(body, '$.fields.{name}')"
        return f"(body::json -> 'fields' ->> '{name}')"

    refused = f"kind = 'external_write' AND state = 'refused' AND {said('decided_by')} IS NULL"
    return (
        f"UPDATE record SET state = {said('status')} WHERE {_KINDS}",  # noqa: S608  # our own words only
        f"UPDATE record SET state = 'refused_unsettled' WHERE {refused}",  # noqa: S608
    )
