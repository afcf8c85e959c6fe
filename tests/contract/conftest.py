"""The fixtures of `tests.served` for this folder: everything here holds on SQLite and on PostgreSQL."""

from tests.postgres import postgres
from tests.served import both_databases, laptop, office, server

__all__ = ["both_databases", "laptop", "office", "postgres", "server"]
