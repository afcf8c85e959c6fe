"""The three looks: `sun`, `night` and `mono`.

Rules
1. All text stands at 7:1 or more against what is behind it, faded text included: nothing here is faded.
2. Two hues carry meaning, chosen so that they stay apart for colour-blind eyes: blue is fine, orange needs you. A
   word and a glyph always say the same, so `mono` loses nothing.
3. What has the focus is shown by reversed colours, not by a shade.
"""

from textual.theme import Theme


def _theme(name: str, *, ink: str, paper: str, panel: str, fine: str, needs_you: str, dark: bool) -> Theme:
    return Theme(
        name=name,
        primary=fine,
        secondary=fine,
        accent=fine,
        success=fine,
        warning=needs_you,
        error=needs_you,
        foreground=ink,
        background=paper,
        surface=paper,
        panel=panel,
        dark=dark,
        text_alpha=1.0,
        variables=_variables(ink, paper, panel, fine),
    )


def _variables(ink: str, paper: str, panel: str, fine: str) -> dict[str, str]:
    solid = dict.fromkeys(("text", "text-muted", "text-disabled"), "auto 100%")
    inked = dict.fromkeys(
        (
            "foreground-muted",
            "foreground-disabled",
            "footer-foreground",
            "footer-description-foreground",
            "input-cursor-background",
            "border",
            "border-blurred",
            "scrollbar",
            "scrollbar-hover",
            "link-color",
        ),
        ink,
    )
    papered = dict.fromkeys(
        ("block-cursor-foreground", "block-cursor-blurred-foreground", "input-cursor-foreground"), paper
    )
    selected = {
        "block-cursor-background": fine,
        "block-cursor-blurred-background": ink,
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-text-style": "none",
        "block-hover-background": panel,
        "input-selection-background": fine,
        "input-selection-foreground": paper,
    }
    footer = {"footer-background": panel, "footer-key-foreground": fine, "scrollbar-background": panel}
    return solid | inked | papered | selected | footer


SUN = _theme("sun", ink="#000000", paper="#FFFFFF", panel="#EAF1F8", fine="#00468B", needs_you="#8A2B00", dark=False)
NIGHT = _theme(
    "night", ink="#FFFFFF", paper="#000000", panel="#0E1A26", fine="#6CB6FF", needs_you="#FFB454", dark=True
)
MONO = _theme("mono", ink="#FFFFFF", paper="#000000", panel="#000000", fine="#FFFFFF", needs_you="#FFFFFF", dark=True)

THEMES = (SUN, NIGHT, MONO)


def after(name: str) -> str:
    """The name of the theme that follows `name`, round and round."""
    names = [theme.name for theme in THEMES]
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]
