"""Questions that wait for the cluster."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """The table of tasks; nobody could ask before there was one."""
    op.create_table(
        "task",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "command")),
        *(sa.Column(name, AutoString(), nullable=False) for name in ("state", "queued_at", "expires_at")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("fence", "attempts", "tries")),
        *(sa.Column(name, AutoString()) for name in ("not_before", "lease_owner", "lease_until")),
        sa.Column("detail", sa.Text(), nullable=False),
    )
    op.create_index("task_due", "task", ["state", "not_before"])
