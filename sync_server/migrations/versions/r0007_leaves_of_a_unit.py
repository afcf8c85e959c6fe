"""The leaves of a unit's receipts, from which each one's path follows."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """What is there already keeps the path with each receipt."""
    with op.batch_alter_table("receipts_root") as table:
        table.add_column(sa.Column("leaves", sa.LargeBinary(), nullable=True))
