"""The tables of the first release. It made them itself and wrote no revision down."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: a database without a revision, but with tables, has these."""
