"""Pictures of the console's pages, as the documentation shows them: ``make pictures``.

Every page of the table over the small sample, in Chromium, light and dark, nine on a sheet; with ``--each DIR`` every
page whole, at 320 and 1280 pixels, to look at.
"""

import argparse
import base64
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from sync_server.console.routes import sheets
from tests.console.accessibility import open_all
from tests.console.browsing import Console, a_console_of_its_own, paths, somebody

SCHEMES = ("light", "dark")
SHOT = {"width": 1280, "height": 900}
PER_SHEET, ACROSS, WIDE = 9, 3, 500
_SHEET = """<style>body{{margin:0;background:#777;display:grid;grid-template-columns:repeat({across},{wide}px)}}
img{{width:{wide}px;display:block;border:1px solid #777;box-sizing:border-box}}</style>{images}"""


def shots(chromium: Browser, console: Console, scheme: str) -> Iterator[bytes]:
    """A picture of the sign-in, and of every page, as somebody sees the top of it (PNG)."""
    shape: dict[str, Any] = {"color_scheme": scheme, "viewport": SHOT}
    with chromium.new_context(**shape) as nobody:
        page = nobody.new_page()
        page.goto(f"{console.url}/console/sign-in")
        yield page.screenshot()
    with somebody(chromium, console, **shape) as page:
        for path in all_paths(console):
            page.goto(console.url + path)
            yield page.screenshot()


def in_nines(pictures: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The pictures of each sheet."""
    for at in range(0, len(pictures), PER_SHEET):
        yield pictures[at : at + PER_SHEET]


def all_paths(console: Console) -> list[str]:
    """Every page of the table that is not a file."""
    return paths(console, [sheet.path for sheet in sheets()])


def make_sheets(chromium: Browser, console: Console, folder: Path) -> None:
    """Sheets of nine pages each into `folder`."""
    for scheme in SCHEMES:
        for number, some in enumerate(in_nines([*shots(chromium, console, scheme)]), start=1):
            images = "".join(f'<img src="data:image/png;base64,{base64.b64encode(each).decode()}">' for each in some)
            rows = -(-len(some) // ACROSS)
            size = {"width": ACROSS * WIDE, "height": rows * WIDE * SHOT["height"] // SHOT["width"]}
            context = chromium.new_context(viewport=size)  # type: ignore[arg-type]  # a width and a height
            page = context.new_page()
            page.set_content(_SHEET.format(across=ACROSS, wide=WIDE, images=images))
            page.screenshot(path=folder / f"console-{scheme}-{number}.jpeg", type="jpeg", quality=70)
            context.close()


def make_each(chromium: Browser, console: Console, folder: Path) -> None:
    """Every page whole into `folder`, everything unfolded, in both looks and widths."""
    for scheme in SCHEMES:
        for width in (320, 1280):
            shape = {"width": width, "height": 800}
            with somebody(chromium, console, color_scheme=scheme, viewport=shape) as page:
                for path in all_paths(console):
                    page.goto(console.url + path)
                    open_all(page)
                    name = path.removeprefix("/console/").replace("/", "-") or "home"
                    page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True)


def main(words: Sequence[str]) -> int:
    """Make the sheets in `folder`, and every page in ``--each``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the sheets go, for example docs/images")
    parser.add_argument("--each", type=Path, metavar="DIR", help="also every page whole, into this folder")
    told = parser.parse_args(words)
    for folder in filter(None, (told.folder, told.each)):
        folder.mkdir(parents=True, exist_ok=True)
    with a_console_of_its_own() as (console, chromium):
        make_sheets(chromium, console, told.folder)
        if told.each:
            make_each(chromium, console, told.each)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
