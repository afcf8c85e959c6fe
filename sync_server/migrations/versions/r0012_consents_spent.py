"""Consents that a queued question has left under, and how much of its quota an organisation has given out."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Nothing was spent in the queue before, and quotas were in memory."""
    op.create_table(
        "consent_spent",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "actor", "consent")),
        *(sa.Column(name, AutoString(), nullable=False) for name in ("task", "spent_at")),
    )
    op.create_table(
        "quota_window",
        sa.Column("who", AutoString(), primary_key=True),
        sa.Column("ends_at", AutoString(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("requests", "tokens")),
    )
