"""Signing in at the console, and what nobody gets without it."""

import re

import pytest

from shared.commands.base import Role
from sync_server.office.accounts import IDLE
from sync_server.store import Person
from tests.builders import JOB
from tests.console.conftest import PASSWORD, PERSON, Browser
from tests.served import TENANT, Server


@pytest.mark.parametrize("path", ["/console/", "/console/conflicts", "/console/conflicts/anything"])
async def test_nobody_sees_anything_without_signing_in(browser: Browser, path: str) -> None:
    page = await browser.get(path)
    assert page.status_code == 401
    assert 'name="password"' in page.text


async def test_whoever_signs_in_goes_where_they_wanted_to(browser: Browser, conflict: str) -> None:
    asked = await browser.get(conflict)
    assert f'value="{conflict}"' in asked.text
    page = await browser.http.post(
        "/console/sign-in", data={"person": PERSON, "password": PASSWORD, "to": conflict}, follow_redirects=True
    )
    assert (page.status_code, page.url.path) == (200, conflict)


@pytest.mark.parametrize("to", ["https://evil.example/console/", "//evil.example/", "/v1/health", "/console/\\evil"])
async def test_nobody_is_sent_elsewhere(browser: Browser, to: str) -> None:
    answer = await browser.http.post("/console/sign-in", data={"person": PERSON, "password": PASSWORD, "to": to})
    assert answer.headers["location"] == "/console/"


async def test_a_wrong_password_is_told_and_the_name_kept(browser: Browser) -> None:
    page = await browser.sign_in(password="wrong")
    assert page.status_code == 401
    assert f'value="{PERSON}"' in page.text
    assert "do not belong together" in page.text
    assert "wrong" not in page.text


async def test_guessing_is_slowed_down_with_the_time_to_wait(browser: Browser) -> None:
    for _ in range(5):
        await browser.sign_in(password="wrong")
    page = await browser.sign_in()
    assert page.status_code == 429
    assert int(page.headers["retry-after"]) >= 1


async def test_no_script_and_no_other_site_can_use_the_cookie(browser: Browser) -> None:
    answer = await browser.http.post("/console/sign-in", data={"person": PERSON, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/console" in cookie


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({}, {"form_token": "made up"}),
        ({}, {"form_token": ""}),
        ({"sec-fetch-site": "cross-site"}, {}),
        ({"origin": "https://evil.example"}, {}),
    ],
)
async def test_a_form_from_elsewhere_decides_nothing(
    browser: Browser, server: Server, conflict: str, headers: dict[str, str], form: dict[str, str]
) -> None:
    await browser.sign_in()
    page = await browser.http.get(conflict)
    token = re.findall(r'name="form_token" value="([^"]*)"', page.text)[0]
    sent = {"form_token": token, "act": "resolve", "use.0": "device", **form}
    answer = await browser.http.post(conflict, data=sent, headers=headers)
    assert answer.status_code == 403
    assert server.records()[JOB].fields["priority"] == "low"


async def test_a_form_after_the_sign_in_ran_out_is_kept(browser: Browser, server: Server, conflict: str) -> None:
    await browser.sign_in()
    server.clock.move(IDLE)
    asked = await browser.send(conflict, act="resolve", use__0="other", text__0="high", reason="seen <b>on site</b>")
    assert asked.status_code == 401
    assert "What you typed is kept" in asked.text
    hidden = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', asked.text))
    sent = {
        name: value.replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">") for name, value in hidden.items()
    }
    again = await browser.http.post("/console/sign-in", data={**sent, "person": PERSON, "password": PASSWORD})
    assert "nothing was decided yet" in again.text
    assert server.records()[JOB].fields["priority"] == "low"
    hidden = dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', again.text))
    page = await browser.http.post(conflict, data={**hidden, "act": "preview"})
    assert page.status_code == 200
    assert 'value="other" checked' in page.text
    assert 'name="text.0" value="high"' in page.text


@pytest.mark.parametrize(("role", "status"), [(Role.TECHNICIAN, 403), (Role.AUDITOR, 200)])
async def test_what_a_role_may_not_see_is_refused_by_name(
    browser: Browser, server: Server, conflict: str, role: Role, status: int
) -> None:
    await browser.sign_in()
    server.office.put_person(TENANT, Person(PERSON, "M. Reyes", frozenset({role})))
    page = await browser.get(conflict)
    assert page.status_code == status
    decided = await browser.send(conflict, act="resolve", use__0="device")
    assert decided.status_code == 403
    assert server.records()[JOB].fields["priority"] == "low"


async def test_whoever_signed_out_has_to_sign_in_again(browser: Browser, conflict: str) -> None:
    await browser.sign_in()
    page = await browser.get(conflict)
    token = re.findall(r'name="form_token" value="([^"]*)"', page.text)[0]
    await browser.http.post("/console/sign-out", data={"form_token": token})
    assert (await browser.get(conflict)).status_code == 401


async def test_a_page_runs_our_files_only_and_is_kept_by_no_cache(browser: Browser, conflict: str) -> None:
    await browser.sign_in()
    page = await browser.get(conflict)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.text.count("<script") == 1, "ours, from our own file"
    assert " style=" not in page.text


async def test_a_page_names_its_sign_among_our_own_files(browser: Browser) -> None:
    """Browsers asked for /favicon.ico, which is not there."""
    page = await browser.get("/console/sign-in")
    (named,) = re.findall(r'<link rel="icon" href="(/console/static/[^"]+)"', page.text)
    sign = await browser.get(named)
    assert (sign.status_code, sign.headers["content-type"]) == (200, "image/svg+xml")
    assert sign.text.startswith("<svg ")
    assert "style=" not in sign.text
    assert "script" not in sign.text
