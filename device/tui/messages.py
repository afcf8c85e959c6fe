"""What the app tells its pages."""

from textual.message import Message


class Changed(Message):
    """What the device shows may be different now: a page that gets this reads again and repaints."""
