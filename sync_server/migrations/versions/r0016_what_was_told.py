"""What evaluations of models said, and what was measured some time ago."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Two tables; nothing of it was kept before."""
    op.create_table(
        "model_report",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "sha256")),
        sa.Column("told_at", AutoString(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
    )
    op.create_table(
        "measured_then",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "name", "labels", "at")),
        sa.Column("value", sa.Float(), nullable=False),
    )
