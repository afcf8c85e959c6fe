"""Writes on their way to systems of record."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """The table of `outgoing` writes; nothing was sent before there was one."""
    names = ("queued_at", "reference")
    empty = ("last_sent_at", "not_before", "lease_owner", "lease_until")
    op.create_table(
        "outgoing",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "command")),
        *(sa.Column(name, AutoString(), nullable=False) for name in ("system", "state", *names)),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("body", "detail")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("in_doubt", "vouched")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("fence", "attempts", "tries")),
        *(sa.Column(name, AutoString()) for name in empty),
    )
    op.create_index("outgoing_due", "outgoing", ["system", "state", "not_before"])
