"""Elements of a page. Text is escaped; only what was made here is markup."""

from html import escape

_VOID = frozenset({"meta", "br", "rect", "line", "circle", "path", "use"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def el(name: str, /, *children: str | None, **attributes: object) -> Markup:
    """One element.

    Args:
        name: of the element.
        children: what it holds, in order; plain text is escaped, None is left out.
        attributes: ``class_`` stands for ``class``, other underscores for hyphens; None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(child if isinstance(child, Markup) else escape(child) for child in children if child is not None)
    return Markup(f"<{name}{written}>" if name in _VOID and not inner else f"<{name}{written}>{inner}</{name}>")


def svg(name: str, /, *children: str | None, **attributes: object) -> Markup:
    """One element of a drawing, closed as XML wants it."""
    made = el(name, *children, **attributes)
    return made if made.endswith(f"</{name}>") else Markup(f"{made[:-1]}/>")


def joined(parts: list[Markup]) -> Markup:
    """One piece of markup after the other."""
    return Markup("".join(parts))


def table(caption: str, heads: list[str], rows: list[Markup], **attributes: object) -> Markup:
    """A table with a caption; `rows` are ``tr`` elements. Where it is too wide it scrolls, with keys as well."""
    head = el("thead", el("tr", *(el("th", each, scope="col") for each in heads)))
    made = el("table", el("caption", caption), head, el("tbody", *rows), **attributes)
    return el("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption.partition(".")[0])


def row(*cells: str | None, **attributes: object) -> Markup:
    """A row; the first cell heads it."""
    first, *others = cells
    return el("tr", el("th", first, scope="row"), *(el("td", each) for each in others), **attributes)
