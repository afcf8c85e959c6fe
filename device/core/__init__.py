"""Decisions of the device that need no I/O."""
