"""What covers every page while the terminal is smaller than a page needs."""

from textual.app import ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

WIDTH_MIN, HEIGHT_MIN = 80, 24


class TooSmall(ModalScreen[None]):
    """Covers everything while the terminal is smaller than a page needs, so that no key acts on what is not seen."""

    def compose(self) -> ComposeResult:
        """What is needed and what is there."""
        yield Static(id="too-small", markup=False)

    def on_mount(self) -> None:
        """Say it at once."""
        self.on_resize()

    def on_resize(self) -> None:
        """Say it again with the new size."""
        size = self.app.size
        said = f"need 80×24\n\nThis terminal is {size.width}×{size.height}. Make it larger; nothing is lost."
        self.query_one("#too-small", Static).update(said)
