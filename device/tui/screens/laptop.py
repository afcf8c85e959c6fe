"""This laptop: whose, its keys, model, policies, storage, battery, contact, clock; what was agreed and decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding, BindingType

from device import about
from device.consents import Consents
from device.errors import DeviceError
from device.plain import plain
from device.reasons import headline
from device.tui.screens.dialogs import YesNo
from device.tui.screens.list_page import ListPage
from device.tui.screens.reasons import ReasonsPage
from device.tui.widgets.table import Column, Line
from device.words import PLACES, moment
from device.workbench import Workbench
from policies.explain import PLACES as ROUTES
from shared.consent import Consent, ConsentShown
from shared.routing import BOUNDARIES, Boundary, Decision

#: So many decisions are listed.
DECISIONS_MAX = 500


class LaptopPage(ListPage[tuple[about.Row, ...]]):
    """Everything about this laptop."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "consents", "Consents"),
        Binding("e", "decisions", "Decisions"),
        Binding("b", "app.go('ready')", "Ready?"),
        Binding("w", "app.work('offline')", "Offline", show=False, tooltip="Work offline"),
        Binding("w", "app.work('online')", "Online", show=False, tooltip="Work online"),
        Binding("c", "copy", "Copy what is under the cursor", show=False),
    ]
    COLUMNS = (Column("What", 11), Column("How it is", 0))
    EMPTY = "Nothing is known of this laptop yet. Wait a moment; if this stays, restart the program."
    crumb, where = "This laptop", "laptop"

    def read(self, workbench: Workbench) -> tuple[about.Row, ...]:
        """Every row."""
        return tuple(about.rows(self.tailboard.device))

    def title_line(self, seen: tuple[about.Row, ...]) -> str:
        """What needs the person, if anything does."""
        loud = sum(row.loud for row in seen)
        return f"This laptop, {loud} to look at" if loud else "This laptop"

    def lines(self, seen: tuple[about.Row, ...]) -> list[Line]:
        """One line for each."""
        return [Line(str(at), (row.name, row.value), loud=row.loud) for at, row in enumerate(seen)]

    def about(self, seen: tuple[about.Row, ...], key: str) -> Text:
        """The row in full."""
        row = seen[int(key)]
        return Text(f"{row.name}: {row.value}")

    def reasons(self) -> Mapping[str, str | None]:
        """Behind most rows there is no page."""
        leads_on = self._row_here in {"consents", "evidence"}
        why = None if leads_on else "No page lies behind this row: what it says stands below."
        return {**super().reasons(), "select_cursor": self.nothing_here() or why}

    @property
    def _row_here(self) -> str:
        return self.seen[int(self.key_here)].name if self.seen and self.key_here else ""

    def open_here(self) -> None:
        """The page behind the row."""
        if self._row_here == "consents":
            self.action_consents()
        else:
            self.action_decisions()

    def action_consents(self) -> None:
        """What you agreed to, and taking it back."""
        self.app.push_screen(ConsentsPage())

    def action_decisions(self) -> None:
        """What was decided about each question, and why."""
        self.app.push_screen(DecisionsPage())

    def action_copy(self) -> None:
        """The row under the cursor to the clipboard."""
        if not self.says_why_not("copy") and self.seen and self.key_here:
            self.tailboard.copy(self.seen[int(self.key_here)].value)


@dataclass(frozen=True, slots=True)
class ConsentsSeen:
    """What was agreed to, newest first, and the places that nobody is asked for."""

    shown: tuple[ConsentShown, ...]
    told: frozenset[str]
    nevers: tuple[Boundary, ...]


class ConsentsPage(ListPage[ConsentsSeen]):
    """The consents of this laptop's person."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "take_back", "Take back"),
        Binding("c", "copy", "Copy the consent's id", show=False),
    ]
    COLUMNS = (
        Column("State", 11),
        Column("To", 15),
        Column("Up to", 10),
        Column("For", 10),
        Column("Until (UTC)", 0),
    )
    EMPTY = "You agreed to nothing yet. When a question may leave only with your consent, you are asked first."
    crumb = "Consents"

    def read(self, workbench: Workbench) -> ConsentsSeen:
        """What was agreed to."""
        consents = workbench.routes.consents
        nevers = consents.nevers()
        return ConsentsSeen(
            tuple(reversed(consents.listed())),
            consents.told(),
            tuple(place for place in BOUNDARIES if place in nevers),
        )

    def title_line(self, seen: ConsentsSeen) -> str:
        """How many hold."""
        return f"Consents: {sum(each.standing == 'in_force' for each in seen.shown)} in force"

    def lines(self, seen: ConsentsSeen) -> list[Line]:
        """The places that are never asked for, then each consent."""
        never = [
            Line(place.value, ("never", PLACES[place], "", "", "not asked for; x asks again"))
            for place in seen.nevers
        ]
        return [*never, *(_consent_line(each) for each in seen.shown)]

    def about(self, seen: ConsentsSeen, key: str) -> Text:
        """The words that were agreed to, and whether the server has heard that they hold no more."""
        found = next((each for each in seen.shown if each.consent.id == key), None)
        if found is None:
            return Text("Nobody is asked for a consent for this place. x takes that back.")
        unheard = found.standing == "revoked" and key not in seen.told
        heard = "The server hears with the next contact that it is taken back.\n" if unheard else ""
        return Text(f"{heard}Used {found.used} times. {plain(found.consent.told)}")

    def reasons(self) -> Mapping[str, str | None]:
        """What was taken back already is not taken back again."""
        shown = {each.consent.id: each.standing for each in self.seen.shown} if self.seen else {}
        nothing = self.nothing_here()
        over = "That consent is taken back already." if shown.get(self.key_here or "") == "revoked" else None
        behind = "No page lies behind a consent: what you agreed to stands below."
        return {**super().reasons(), "take_back": nothing or over, "select_cursor": nothing or behind}

    @work(group="take-back", exclusive=True)
    async def action_take_back(self) -> None:
        """Take the consent under the cursor back, from now on; you are asked first."""
        key, seen, app = self.key_here, self.seen, self.tailboard
        if self.says_why_not("take_back") or key is None or seen is None:
            return
        consents = app.device.workbench.routes.consents
        place = next((each for each in seen.nevers if each.value == key), None)
        title = f"Ask again for {PLACES[place]}?" if place else "Take this consent back?"
        said = "A question that may go there only with your consent asks you again." if place else _words(seen, key)
        try:
            if await app.ask(YesNo(title, said, yes="Yes", no="Keep it as it is")):
                await app.desk.do(lambda: _undo(consents, key, place))
                app.say("You are asked again." if place else "Taken back, from now on.")
        except DeviceError as error:
            app.tell(error)
        app.link.ring()
        app.refresh_page()

    def action_copy(self) -> None:
        """The consent's id to the clipboard."""
        if not self.says_why_not("copy") and self.key_here is not None:
            self.tailboard.copy(self.key_here)


def _undo(consents: Consents, key: str, place: Boundary | None) -> None:
    if place is not None:
        consents.ask_again(place)
    else:
        consents.revoke(key)


def _words(seen: ConsentsSeen, key: str) -> str:
    consent = next(each.consent for each in seen.shown if each.consent.id == key)
    return f"Up to {consent.data_class} data, to {PLACES[consent.target]}, for {_reach(consent)}."


def _reach(consent: Consent) -> str:
    return "one task" if consent.reach == "once" else consent.conversation


def _consent_line(shown: ConsentShown) -> Line:
    consent = shown.consent
    state, until = shown.standing.replace("_", " "), f"{consent.expires_at:%Y-%m-%d %H:%M}"
    return Line(consent.id, (state, PLACES[consent.target], consent.data_class.value, _reach(consent), until))


class DecisionsPage(ListPage[tuple[Decision, ...]]):
    """What was decided about each question, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy", "Copy the decision's hash", show=False)]
    COLUMNS = (Column("When", 12), Column("Where", 15), Column("Class", 10), Column("To", 9), Column("Why", 0))
    EMPTY = "Nothing was decided yet. Each question is decided about before it runs: ask one with 3."
    crumb = "Decisions"

    def read(self, workbench: Workbench) -> tuple[Decision, ...]:
        """The newest decisions."""
        return tuple(self.tailboard.device.store.latest_decisions(DECISIONS_MAX))

    def title_line(self, seen: tuple[Decision, ...]) -> str:
        """How many."""
        return f"Decisions: {'the newest ' if len(seen) == DECISIONS_MAX else ''}{len(seen)}"

    def lines(self, seen: tuple[Decision, ...]) -> list[Line]:
        """One line for each."""
        now = self.tailboard.now()
        return [
            Line(
                each.hash,
                (
                    moment(each.decided_at, now),
                    ROUTES[each.route],
                    each.data_class.value,
                    each.request.purpose,
                    each.reason,
                ),
            )
            for each in seen
        ]

    def about(self, seen: tuple[Decision, ...], key: str) -> Text:
        """Its reason in full."""
        decision = _of(seen, key)
        return Text(f"{headline(decision)}\n{plain(decision.disclosure)}\nEnter: every why-not, and what was tried.")

    def open_here(self) -> None:
        """Why it was decided so."""
        if self.key_here is not None:
            self.app.push_screen(ReasonsPage(self.key_here))

    def action_copy(self) -> None:
        """The decision's hash to the clipboard."""
        if not self.says_why_not("copy") and self.key_here is not None:
            self.tailboard.copy(self.key_here)


def _of(seen: Sequence[Decision], key: str) -> Decision:
    return next(each for each in seen if each.hash == key)
