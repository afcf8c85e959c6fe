"""The facts that a laptop decides from: classes that only rise, links, names, what is stable, what was told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from device.capability import Machine, read_machine
from device.core.link_state import link_of
from device.core.names import known_names
from device.core.what_if import suppositions
from device.errors import LocalError
from device.model.port import Generation
from device.routes import Question
from device.store import Issue
from device.store.exchange import ANSWERED, UNREACHABLE, Exchange, turned_away
from shared.problems import Code
from shared.routing import DataClass, Link, Obstacle, Route
from tests.builders import NOW
from tests.laptops import Place, place
from tests.tui.world import sample

NOTE = Question("answer", "Which filter fits?", DataClass.INTERNAL, conversation="WO-1042", task="T-1")


@pytest.fixture
def laptop(tmp_path: Path) -> Iterator[Place]:
    made = place(tmp_path)
    yield made
    made.world.device.store.close()


def met(seconds_ago: float, what: str = ANSWERED, took_s: float = 0.2, at: Any = NOW) -> Exchange:
    return Exchange(Issue("boot-1", 0.0, at - timedelta(seconds=seconds_ago)), took_s, 100, 100, what)


# -- classes


def test_a_conversations_class_only_rises_also_after_a_restart(laptop: Place) -> None:
    personal = replace(NOTE, words="Ms Harrington called")
    assert laptop.routes.decide(NOTE, None).data_class is DataClass.INTERNAL
    assert laptop.routes.decide(personal, None).data_class is DataClass.PERSONAL
    assert laptop.routes.decide(NOTE, None).data_class is DataClass.PERSONAL
    laptop.world.device.store.raise_conversation("WO-1042", DataClass.PUBLIC)
    assert laptop.world.device.store.conversation_class("WO-1042") is DataClass.PERSONAL
    assert laptop.routes.decide(replace(NOTE, conversation="WO-7"), None).data_class is DataClass.INTERNAL


def test_a_dry_look_records_nothing_and_raises_nothing(laptop: Place) -> None:
    decision = laptop.routes.look(replace(NOTE, words="Ms Harrington called"), None, suppose={"model": "basic"})
    assert (decision.route, decision.data_class) == (Route.DEVICE, DataClass.PERSONAL)
    store = laptop.world.device.store
    assert (store.decisions(), store.evidence(), store.conversation_class("WO-1042")) == ([], [], DataClass.PUBLIC)
    assert store.meta("stability") is None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("b.lind left it open", DataClass.PERSONAL),
        ("Lind left it open", DataClass.PERSONAL),
        ("Okafor left it open", DataClass.PERSONAL),
        ("P-7 is loud", DataClass.INTERNAL),
        ("it is loud", DataClass.PUBLIC),
    ],
)
def test_names_and_ids_of_the_records_are_looked_for(laptop: Place, words: str, found: DataClass) -> None:
    asked = Question("answer", words, DataClass.PUBLIC)
    assert laptop.routes.classified(asked).data_class is found


def test_new_records_are_looked_for_at_once(laptop: Place) -> None:
    asked = Question("answer", "Z-99 is loud", DataClass.PUBLIC)
    assert laptop.routes.classified(asked).data_class is DataClass.PUBLIC
    first = sample()[0]
    laptop.world.device.store.absorb([replace(first, ref="asset/Z-99")], "1:2")
    assert laptop.routes.classified(asked).data_class is DataClass.INTERNAL


@pytest.mark.parametrize("other", [{"whole": False}, {"declared": None}, {"words": "x" * 300_000}])
def test_what_was_cut_or_nobody_can_tell_is_restricted(laptop: Place, other: dict[str, Any]) -> None:
    assert laptop.routes.decide(replace(NOTE, **other), None).data_class is DataClass.RESTRICTED


def test_known_names_are_people_ids_and_no_titles() -> None:
    known = known_names(sample(), "A. Okafor")
    assert known.people == ("A  Okafor", "A. Okafor", "b lind", "b.lind")
    assert "WO-1042" in known.ids
    assert known.customers == ()


# -- link and what is stable


@pytest.mark.parametrize(
    ("exchanges", "online", "link"),
    [
        ([], True, Link.UP),
        ([], False, Link.DOWN),
        ([met(1)], False, Link.DOWN),
        ([met(1)], True, Link.UP),
        ([met(1, turned_away(Code.BUSY))], True, Link.UP),
        ([met(9), met(1, UNREACHABLE)], True, Link.DOWN),
        ([met(9, UNREACHABLE), met(1)], True, Link.MARGINAL),
        ([met(1, took_s=9)], True, Link.MARGINAL),
        ([met(3600, UNREACHABLE)], True, Link.UP),
        ([met(-3600, UNREACHABLE)], True, Link.UP),
        ([met(90 - each) if each else met(90, UNREACHABLE) for each in range(9)], True, Link.UP),
    ],
)
def test_the_link_is_what_the_last_exchanges_showed(exchanges: list[Exchange], online: bool, link: Link) -> None:
    assert link_of(exchanges, NOW, online=online) is link


def test_a_link_that_flutters_gets_worse_at_once_and_better_after_a_while(laptop: Place) -> None:
    store, clock = laptop.world.device.store, laptop.clock
    seen = []
    for what in (UNREACHABLE, ANSWERED, ANSWERED):
        store.add_exchanges([met(0, what, at=clock.now())])
        seen.append(laptop.routes.decide(NOTE, None).steady)
        clock.move(timedelta(minutes=6))
    assert [each.link for each in seen if each] == [Link.DOWN, Link.DOWN, Link.MARGINAL]


def test_a_link_that_was_good_for_hours_is_good_at_the_first_question(laptop: Place) -> None:
    store, clock = laptop.world.device.store, laptop.clock
    store.add_exchanges([met(0, UNREACHABLE, at=clock.now())])
    laptop.routes.decide(NOTE, None)
    for _ in range(10):
        clock.move(timedelta(minutes=5))
        store.add_exchanges([met(0, at=clock.now())])
    steady = laptop.routes.decide(NOTE, None).steady
    assert steady is not None
    assert steady.link is Link.UP


def test_what_failed_thrice_is_left_alone_for_a_while_across_programs(laptop: Place) -> None:
    for _ in range(3):
        laptop.routes.failed(Route.DEVICE)
    decision = laptop.routes.decide(NOTE, laptop.model)
    assert [each.obstacle for each in decision.why_not if each.route is Route.DEVICE] == [Obstacle.UNHEALTHY]
    laptop.clock.move(timedelta(minutes=3))
    assert laptop.routes.decide(NOTE, laptop.model).route is Route.DEVICE


# -- what places can do


def test_what_the_server_said_holds_until_it_ends_and_only_under_its_key(laptop: Place) -> None:
    routes, told = laptop.routes, laptop.elsewhere
    assert routes.take_capabilities(told.capabilities())
    assert Route.PRIVATE_CLUSTER in routes.decide(NOTE, None).request.known
    laptop.clock.move(timedelta(seconds=31))
    assert Route.PRIVATE_CLUSTER not in routes.decide(NOTE, None).request.known
    told.forged = True
    assert not routes.take_capabilities(told.capabilities())
    told.forged, told.tenant = False, "another"
    assert not routes.take_capabilities(told.capabilities())
    assert not routes.take_capabilities(b"<html>")


def test_a_statement_that_somebody_changed_is_none(laptop: Place) -> None:
    here = laptop.routes.laptop
    here.tried(laptop.model, Generation("", 9, 0.1, 0.5))
    kept = laptop.world.device.store.meta("capability")
    assert kept is not None
    assert here.told() is not None
    laptop.world.device.store.set_meta("capability", kept.replace("eyJtb2RlbCI6", "eyJtb2RlbCJ6"))
    assert (here.told(), here.envelope()) == (None, None)


def test_only_what_was_tried_here_counts_where_nothing_is_loaded(laptop: Place) -> None:
    assert laptop.routes.look(NOTE, None, kept=True).route is not Route.DEVICE
    laptop.routes.laptop.tried(laptop.model, Generation("", 9, 0.1, 0.5))
    assert laptop.routes.look(NOTE, None, kept=True).route is Route.DEVICE
    assert laptop.routes.look(NOTE, None).route is not Route.DEVICE
    laptop.routes.laptop.failed()
    assert laptop.routes.look(NOTE, None, kept=True).route is not Route.DEVICE


def machine(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_memory_battery_and_heat_are_read_and_not_guessed(tmp_path: Path) -> None:
    assert read_machine(tmp_path / "nothing") == Machine(None, None, False)
    zone, bat = "sys__class__thermal__thermal_zone0", "sys__class__power_supply__BAT0"
    root = machine(
        tmp_path,
        proc__meminfo="MemTotal: 1 kB\nMemAvailable:  2097152 kB\n",
        **{f"{bat}__type": "Battery\n", f"{bat}__status": "Discharging\n", f"{bat}__capacity": "17\n"},
        **{
            f"{zone}__temp": "96000\n",
            f"{zone}__trip_point_0_type": "passive",
            f"{zone}__trip_point_0_temp": "95000",
        },
    )
    assert read_machine(root) == Machine(2048, 17, True)
    machine(root, **{f"{bat}__status": "Charging", f"{zone}__temp": "50000"})
    assert read_machine(root) == Machine(2048, None, False)
    machine(root, **{f"{bat}__status": "Discharging", f"{bat}__capacity": "rubbish", f"{zone}__temp": "hot"})
    assert read_machine(root) == Machine(2048, None, False)


# -- what if


@pytest.mark.parametrize(
    ("suppose", "route"),
    [
        ("model=basic", Route.DEVICE),
        ("model=none,link=up,cluster=high", Route.PRIVATE_CLUSTER),
        ("cluster=high,model=none,link=down", Route.QUEUE),
        ("model=basic,laptop=unapproved", Route.DEVICE),
        ("model=basic,battery=1,cluster=high", Route.PRIVATE_CLUSTER),
        ("battery=1,model=basic,cluster=none,link=down", Route.QUEUE),
    ],
)
def test_a_supposition_changes_the_facts(laptop: Place, suppose: str, route: Route) -> None:
    assert laptop.routes.look(NOTE, None, suppose=suppositions(suppose)).route is route


def test_a_supposed_consent_opens_what_a_real_one_would(laptop: Place) -> None:
    personal = replace(NOTE, words="Ms Harrington called")
    suppose = suppositions("model=none,cluster=high")
    assert laptop.routes.look(personal, None, suppose=suppose).route is Route.REFUSE
    suppose = suppositions("model=none,cluster=high,consent=private_cluster")
    assert laptop.routes.look(personal, None, suppose=suppose).route is Route.PRIVATE_CLUSTER


@pytest.mark.parametrize(
    "text", ["link", "link=", "link=fast", "moon=full", "battery=101", "hot=maybe", "model=huge"]
)
def test_what_cannot_be_supposed_is_said_with_what_can(text: str) -> None:
    with pytest.raises(LocalError, match="It takes: link=up"):
        suppositions(text)
