"""What laptops tell of their evidence, and what it comes to."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Nothing was told before there was a place for it."""
    op.create_table(
        "trace",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "device", "hash")),
        sa.Column("strand", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        *(sa.Column(name, AutoString(), nullable=False) for name in ("at", "came_at", "kind", "sealed")),
        sa.Column("told", sa.Text(), nullable=False),
    )
    op.create_index("trace_came", "trace", ["tenant", "came_at"])
    op.create_index("trace_number", "trace", ["tenant", "device", "number"])
    op.create_table(
        "strand",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "device")),
        sa.Column("strand", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("number", "stated", "lost")),
        *(sa.Column(name, AutoString(), nullable=False) for name in ("hash", "began_at", "told_at")),
        sa.Column("head", sa.Text(), nullable=False),
    )
    op.create_table(
        "measure",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "name", "labels")),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
