"""Who may sign in at the console, who is signed in, and who tried in vain."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Three tables; nobody could sign in before there were any."""
    op.create_table(
        "account",
        *(sa.Column(name, AutoString(), primary_key=True) for name in ("tenant", "person")),
        *(sa.Column(name, AutoString(), nullable=False) for name in ("password_hash", "set_at")),
    )
    op.create_table(
        "console_session",
        sa.Column("token_hash", AutoString(), primary_key=True),
        *(sa.Column(name, AutoString(), nullable=False) for name in ("tenant", "person", "begun_at", "seen_at")),
    )
    for name in ("tenant", "seen_at"):
        op.create_index(f"ix_console_session_{name}", "console_session", [name])
    op.create_table(
        "sign_in_fruitless",
        sa.Column("key", AutoString(), primary_key=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", AutoString(), nullable=False),
    )
    op.create_index("ix_sign_in_fruitless_last_at", "sign_in_fruitless", ["last_at"])
