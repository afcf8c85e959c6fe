"""The fixtures of `tests.served` for this folder."""

from tests.served import laptop, office, server

__all__ = ["laptop", "office", "server"]
