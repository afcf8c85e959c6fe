"""The files of update repositories."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """A tenant has no repository until it publishes something."""
    op.create_table(
        "update_file",
        sa.Column("tenant", AutoString(), primary_key=True),
        sa.Column("name", AutoString(), primary_key=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
