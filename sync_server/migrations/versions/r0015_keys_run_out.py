"""Until when a laptop's key is good, and codes whose laptop waits until an administrator has approved it."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Laptops that are here keep keys without an end, until somebody gives them one: an upgrade shuts out nobody."""
    with op.batch_alter_table("device") as table:
        table.add_column(sa.Column("key_expires_at", AutoString(), nullable=True))
    with op.batch_alter_table("enrol_code") as table:
        table.add_column(sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.false()))
