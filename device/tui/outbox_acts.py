"""What is done about a command in the outbox: take it back or drop it, or give it again. Each asks first."""

from typing import TYPE_CHECKING

from device.errors import LocalError
from device.plain import plain
from device.store import Item
from device.tui import forms
from device.tui.screens.dialogs import YesNo
from device.words import number

if TYPE_CHECKING:
    from device.tui.app import TailboardApp


async def withdraw(app: "TailboardApp", command: str) -> tuple[str, ...]:
    """Take `command` back, with all that rests on it, or drop it if it came back. Gives what was taken.

    Raises:
        LocalError: it is settled, was sent, or was dealt with already.
    """
    bench = app.device.workbench

    def going() -> tuple[Item, ...] | Item:
        try:
            return bench.came_back(command)
        except LocalError:
            return bench.going_along([command])

    found = await app.desk.do(going)
    if isinstance(found, Item):
        text = f"{number(found)} {plain(found.summary)}"
        if not await app.ask(YesNo("Drop?", text, yes="Drop", no="Keep")):
            return ()
        await app.desk.do(lambda: bench.drop(command))
        app.say("Dropped. It stays in the list; z undoes it.")
        return (command,)
    listed = "\n".join(f"{number(item)} {plain(item.summary)}" for item in found)
    if not await app.ask(YesNo("Take back?", listed, yes="Take back", no="Keep")):
        return ()
    gone = await app.desk.do(lambda: bench.withdraw([command]))
    app.say(f"{len(gone)} taken back. Nothing will change because of it; z undoes it.")
    return tuple(item.command.id for item in gone)


async def give_again(app: "TailboardApp", command: str, *, change: bool) -> bool:
    """Give `command` again, with a change by its form if asked for; whether that was done.

    Raises:
        LocalError: it did not come back, was dealt with already, or cannot be given as things are now.
    """
    bench = app.device.workbench
    given = await app.desk.do(lambda: bench.as_given(command))
    changed = await forms.edit(app, given) if change else given
    if changed is None:
        return False
    (shown,) = await app.desk.do(lambda: bench.show([changed]))
    if shown.preview.obstacle:
        raise LocalError(f"This cannot be saved: {shown.preview.obstacle}")
    if not await app.ask(YesNo("Give again?", plain(shown.summary), yes="Give again", no="Keep")):
        return False
    await app.desk.do(lambda: bench.reissue(command, changed))
    return True
