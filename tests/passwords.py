"""Passwords that are quick to check: what is tested is never how slow that is."""

import pytest
from argon2 import PasswordHasher

from sync_server.office import accounts


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least that argon2 can do."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_HASHER", quick)
    monkeypatch.setattr(accounts, "_NOBODYS", quick.hash("nobody's", salt=b"no salt at all"))
