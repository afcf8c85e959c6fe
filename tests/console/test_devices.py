"""Laptops at the console: approved or rejected, keys that run out, ended and renewed."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser as Chromium

from shared.ids import fingerprint
from sync_server.sample.laptops import SampleLaptop
from sync_server.service import KEY_LIFETIME
from sync_server.store import DeviceState, Person
from tests.console.browsing import Console, somebody
from tests.console.conftest import PERSON, Browser
from tests.console.test_every_page import EVERYBODY
from tests.served import TENANT, Laptop, Server, new_laptop

DEVICES = "/console/devices"


@pytest.fixture
async def signed_in(browser: Browser, server: Server) -> Browser:
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", EVERYBODY))
    await browser.sign_in()
    return browser


async def test_a_key_that_runs_out_is_warned_of(signed_in: Browser, server: Server, laptop: Laptop) -> None:
    page = await signed_in.get(DEVICES)
    assert "365 days left" in page.text
    assert "0 with a key that runs out" in page.text
    server.clock.move(KEY_LIFETIME - timedelta(days=3))
    await signed_in.sign_in()
    assert "! 3 days left" in (await signed_in.get(f"{DEVICES}?show=attention")).text
    assert "Laptops whose key ran out or soon does: 1." in (await signed_in.get("/console/")).text
    server.clock.move(timedelta(days=4))
    await signed_in.sign_in()
    page = await signed_in.get(f"{DEVICES}/{laptop.name}")
    assert "! Ran out" in page.text
    page = await signed_in.send(f"{DEVICES}/{laptop.name}", act="renew", which="renew", reason="spoke to them")
    assert "+ Its key is good for another year." in page.text
    assert "! Ran out" not in page.text


async def test_who_approves_approves_the_key_that_was_shown(signed_in: Browser, server: Server) -> None:
    laptop = new_laptop(server, b"\x09")
    await laptop.enrol(server.office.enrol_code(TENANT, laptop.actor, waits=True))
    page = await signed_in.get(DEVICES)
    assert fingerprint(laptop.device_key.public) in page.text
    assert 'data-count="devices">1<' in page.text
    form = {"act": "approve", "which": f"approve.{laptop.name}", "device": laptop.name, "code": "0" * 16}
    page = await signed_in.send(DEVICES, **form)
    assert page.status_code == 422
    assert server.office.device(TENANT, laptop.name).device.state is DeviceState.WAITING
    page = await signed_in.send(DEVICES, act="approve", which=f"approve.{laptop.name}")
    assert "+ Approved." in page.text
    assert server.office.device(TENANT, laptop.name).device.state is DeviceState.ACTIVE


def test_key_expiry_and_approval_are_done_on_the_page_without_scripts(chromium: Chromium, console: Console) -> None:
    laptop = SampleLaptop.enrolled(console.office, TENANT, "b.lind", waits=True)
    stranger = SampleLaptop.enrolled(console.office, TENANT, "b.lind", waits=True)

    def state(of: SampleLaptop) -> DeviceState:
        return console.office.device(TENANT, of.name).device.state

    with somebody(chromium, console, DEVICES, java_script_enabled=False) as page:
        for each, button in ((laptop, "It is the same: approve"), (stranger, "It is not: reject")):
            section = page.locator("section", has=page.get_by_role("heading", name=f"{each.name} waits"))
            assert fingerprint(each.keys[0].public) in section.inner_text()
            section.get_by_role("button", name=button).click()
        assert (state(laptop), state(stranger)) == (DeviceState.ACTIVE, DeviceState.REVOKED)
        page.goto(f"{console.url}{DEVICES}/{laptop.name}")
        page.get_by_text("Renew or end its key").click()
        told = page.locator("main").inner_text()
        for words in ("it gets nothing more until somebody renews it", "can still arrive", "revoke the laptop"):
            assert words in told, words
        page.locator("form#expire").get_by_label("Reason").fill("left in a taxi")
        page.get_by_role("button", name="End its key now").click()
        assert "! Ran out" in page.locator("main").inner_text()
        page.locator("form#renew").get_by_label("Reason").fill("it was found")
        page.get_by_role("button", name="Renew its key for a year").click()
        assert "364 days left" in page.locator("main").inner_text()


def test_a_laptop_that_enrols_by_the_page_waits_unless_somebody_says_otherwise(
    chromium: Chromium, console: Console
) -> None:
    with somebody(chromium, console, DEVICES, java_script_enabled=False) as page:
        assert page.get_by_label("It waits until somebody here").is_checked()
