"""Who brought a withdrawal, and when: of those whose command never came, so many are kept, for so long."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Of those that are there already nobody knows; they stay and count for nobody."""
    with op.batch_alter_table("withdrawal") as table:
        table.add_column(sa.Column("device", AutoString(), nullable=True))
        table.add_column(sa.Column("received_at", AutoString(), nullable=True))
