"""Folders that are gone afterwards."""

import tempfile
from pathlib import Path


def in_memory(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A folder in memory, where there is one: what the disks lose is simulated, so the real one need not be slow."""
    memory = Path("/dev/shm")  # noqa: S108  # a private folder below it
    return tempfile.TemporaryDirectory(prefix=prefix, dir=memory if memory.is_dir() else None)
