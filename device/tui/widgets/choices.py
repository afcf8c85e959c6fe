"""A short list to choose from by Enter or a click."""

from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType

from device.tui.widgets.rows import Rows

#: How a part of a row looks that needs the person. It has no colour of its own: that of the cursor may lie behind it.
LOUD = Style(bold=True, reverse=True)


class Choices(Rows):
    """Rows of text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Open")]
