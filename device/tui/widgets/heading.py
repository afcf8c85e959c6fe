"""The top line: where you are, and whose laptop this is."""

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from device.plain import plain


class Heading(Widget):
    """Product and breadcrumb on the left, person and laptop on the right."""

    trail: reactive[str] = reactive("")
    who: reactive[str] = reactive("")

    def render(self) -> Text:
        """One line, as wide as the screen; the trail gives way first."""
        width = self.size.width - 2
        right = plain(self.who)
        left = Text(f"TAILBOARD  {plain(self.trail)}", no_wrap=True)
        left.truncate(max(0, width - len(right) - 2), overflow="ellipsis", pad=True)
        return left.append(f"  {right}")
