"""Files that commands name."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """How much of each file is there, and which commands name it; no command named one before."""
    op.create_table(
        "blob",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "sha256")),
        *(sa.Column(name, sa.BigInteger(), nullable=False, server_default="0") for name in ("received", "reserved")),
        sa.Column("whole", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "blob_name",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "sha256", "command")),
        sa.Column("record", AutoString(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
    )
