"""What the gateway to the models remembers."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Four tables; before, there was no gateway."""
    op.create_table("inference_task", *_key("tenant", "task"), _text("hash"), _text("came_at"))
    op.create_index("ix_inference_task_came_at", "inference_task", ["came_at"])
    op.create_table("conversation", *_key("tenant", "id"), _text("data_class"), _text("last_at"))
    op.create_index("ix_conversation_last_at", "conversation", ["last_at"])
    op.create_table("consent_revoked", *_key("tenant", "actor", "consent"), _text("revoked_at"))
    op.create_table(
        "client",
        *_key("tenant", "id"),
        _text("key_hash"),
        _text("data_class"),
        _text("added_at"),
        sa.Column("revoked_at", AutoString(), nullable=True),
    )
    op.create_index("ix_client_key_hash", "client", ["key_hash"], unique=True)


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, AutoString(), primary_key=True) for name in names]


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, AutoString(), nullable=False)
