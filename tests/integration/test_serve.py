"""The screen in a browser, for training: a real program, a real browser, and everybody who has no business there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from device import keys as device_keys
from device.errors import LocalError
from device.serving import free_port
from shared.ports import SystemRandomness
from tests.conftest import need
from tests.tui.world import build

PIN = "1234"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the browser finds the screen of a laptop with the sample; with the token."""
    folder = tmp_path_factory.mktemp("serve")
    home, pin_file = folder / "home", folder / "pin"
    home.mkdir()
    pin_file.write_text(PIN)
    keys = device_keys.make(home / "keys.json", PIN, SystemRandomness())
    build(home, keys, with_model=False).device.store.close()
    words = [
        sys.executable,
        "-m",
        "device.cli",
        "serve",
        "--port",
        "0",
        "--home",
        str(home),
        "--pin-file",
        str(pin_file),
    ]
    environment = {**os.environ, "TAILBOARD_MODEL": "none", "TMPDIR": str(folder)}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    assert process.stdout is not None
    said = ""
    while "?token=" not in said:
        line = process.stdout.readline()
        assert line, f"it ended: {said}"
        said += line
    yield _address(said)
    process.terminate()
    process.communicate(timeout=30)
    assert [each.name for each in folder.glob("tailboard-serve-*")] == [], "the PIN stays nowhere"


def _address(said: str) -> str:
    assert "For training." in said
    found = re.search(r"http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{32}", said)
    assert found is not None
    return found.group()


def test_in_a_browser_only_who_knows_the_token_comes_in(address: str) -> None:
    base, _, token = address.partition("?token=")
    with httpx.Client(follow_redirects=False) as client:
        assert client.get(base).status_code == 403
        assert client.get(base, params={"token": "0" * 32}).status_code == 403
        assert client.get(f"{base}static/js/textual.js").status_code == 403
        assert client.get(f"{base}ws").status_code == 403
        came = client.get(base, params={"token": token})
        assert came.status_code == 303
        assert "HttpOnly" in came.headers["set-cookie"]
        assert "SameSite=Strict" in came.headers["set-cookie"]
        page = client.get(base)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert client.get(base, headers={"Host": "evil.example"}).status_code == 403
        assert client.get(base, headers={"Origin": "http://evil.example"}).status_code == 403


def test_in_a_browser_it_listens_on_loopback_alone(address: str) -> None:
    port = int(address.split(":")[2].partition("/")[0])
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    heard = {line.split()[1] for line in listening if line.split()[3] == "0A"}
    assert f"0100007F:{port:04X}" in heard
    assert f"00000000:{port:04X}" not in heard


def test_a_port_that_is_taken_is_said(address: str) -> None:
    port = int(address.split(":")[2].partition("/")[0])
    with pytest.raises(LocalError, match="Give another one with --port"):
        free_port(port)


@pytest.mark.requires("chromium")
def test_in_a_browser_the_screen_opens_and_nothing_is_loaded_from_elsewhere(address: str, tmp_path: Path) -> None:
    came: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(need("chromium")), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("requestfinished", lambda request: came.append(request.url))
        page.goto(address)
        page.wait_for_selector("body.-first-byte", timeout=60_000)
        assert "token" not in page.url
        browser.close()
    assert came
    assert all(url.startswith("http://127.0.0.1:") for url in came)
