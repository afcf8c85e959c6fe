"""How text on the screen looks, worked out from what is really drawn."""

from collections.abc import Iterator

from rich.color import Color
from rich.style import Style
from textual.strip import Strip

from device.tui.app import TailboardApp

RATIO_MIN = 7.0
#: What a person is told by a sign: `!` and `?` need them, the others do not.
SIGNS = "o^+?!/"


def luminance(color: Color) -> float:
    """Relative luminance. Source: WCAG 2.2, definition of relative luminance."""
    parts = [each / 255 for each in color.get_truecolor()]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(style: Style) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    lighter, darker = sorted((luminance(style.color), luminance(style.bgcolor)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def strips(app: TailboardApp) -> list[Strip]:
    """The screen, line by line."""
    return list(app.screen._compositor.render_strips())


def faint(app: TailboardApp) -> Iterator[str]:
    """Words on the screen that stand out too little from what is behind them."""
    for strip in strips(app):
        for segment in strip:
            style = segment.style
            if style is None or not any(each.isalnum() or each in SIGNS for each in segment.text):
                continue
            if style.dim or contrast(style) < RATIO_MIN:
                yield f"{segment.text!r} {style}"


def alarmed(app: TailboardApp) -> Iterator[str]:
    """Lines with something in the colour of what needs the person. `mono` has no such colour."""
    theme = app.current_theme
    if theme.warning is None or theme.warning == theme.foreground:
        return
    loud = Color.parse(theme.warning)
    for strip in strips(app):
        if any(_alike(loud, colour) for style in inks(strip) for colour in (style.color, style.bgcolor)):
            yield strip.text


def inks(strip: Strip) -> set[Style]:
    """How the words of a line look."""
    return {segment.style for segment in strip if segment.style and segment.text.strip()}


def _alike(one: Color, other: Color | None) -> bool:
    """The same, rounding aside."""
    return other is not None and all(
        abs(a - b) <= 2 for a, b in zip(one.get_truecolor(), other.get_truecolor(), strict=True)
    )
