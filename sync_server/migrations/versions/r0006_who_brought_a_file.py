"""Who has shown to have every byte of a file."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Of the files that are here already nobody knows it; their records say who may have them."""
    with op.batch_alter_table("blob") as table:
        table.add_column(sa.Column("bringer", AutoString(), nullable=True))
    op.create_table(
        "blob_bringer",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "sha256", "actor")),
    )
