"""The fixtures of `tests.served` for this folder: SQLite, except where a test asks for more."""

from tests.postgres import postgres
from tests.served import another_database, bare_database, database, laptop, office, server

__all__ = ["another_database", "bare_database", "database", "laptop", "office", "postgres", "server"]
