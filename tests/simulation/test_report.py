"""The page about a campaign: the verdict, what it is made of, and that it needs nothing but itself."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from simulators import world
from simulators.account import Account, Mismatch, added
from simulators.cli import main
from simulators.disks import obstacle
from simulators.faults import CALM, PROFILES
from simulators.report.page import page
from simulators.report.verdict import FAIL, INCOMPLETE, PASS, quantile, verdict
from simulators.timeline import Witness
from simulators.world import Options, run

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=f"no simulated disks here: {obstacle()}")
Capture = pytest.CaptureFixture[str]
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What explore wrote about two small worlds."""
    file = tmp_path_factory.mktemp("campaign") / "first.json"
    words = ["--seeds", "2", "--from", "3", "--profile", "lossy", "--devices", "2", "--commands", "6"]
    assert main(["explore", *words, "--out", str(file), "--scripts", str(file.parent)]) == 0
    yield file
    world.forget_templates()


def data_of(campaign: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(campaign.read_text())
    return data


def account_of(campaign: Path, *changes: Change) -> Account:
    data = data_of(campaign)
    for change in changes:
        change(data)
    return Account.model_validate({name: value for name, value in data.items() if name not in {"schema", "ok"}})


def all_hit(data: dict[str, Any]) -> None:
    data["never_happened"] = []


def broken(data: dict[str, Any]) -> None:
    data["violations"] = 1
    data["promises"][0]["broken"] = 1
    data["worlds"][0]["broken"] = 1
    script = {"version": 1, "seed": 3, "broken": "one-effect", "devices": 1, "commands": {"TB-01": 2}}
    shrunk = {"hits_before": 9, "tries": 5, "seconds": 1.0, "whole": True, "script": script}
    data["failures"] = [
        {
            "seed": 3,
            "broken": {"one-effect": [{"what": "a note", "words": "counts <b>twice</b> & more"}]},
            "replay": "tailboard-sim run --seed 3",
            "shrunk": {**shrunk, "file": "shrunk-3.toml", "replay": "tailboard-sim run --script shrunk-3.toml"},
        }
    ]


class Reader(HTMLParser):
    """What a page consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in {"src", "srcset", "action", "data", "background", "xlink:href"}:
                self.loads.append(value or "")
            elif name == "href":
                self.links.append(value or "")


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    return reader


# -- the verdict


def test_a_campaign_passes_only_if_everything_was_tried(campaign: Path) -> None:
    assert verdict(account_of(campaign, all_hit)).word == PASS
    found = verdict(account_of(campaign))
    assert found.word == INCOMPLETE
    assert all(name in found.reasons[0] for name in data_of(campaign)["never_happened"])
    cut = verdict(account_of(campaign, all_hit, lambda data: data.update(interrupted=True, seeds_asked=9)))
    assert (cut.word, cut.reasons) == (INCOMPLETE, ("It was interrupted after 2 of 9 worlds.",))
    late = verdict(account_of(campaign, all_hit, lambda data: data.update(seeds_asked=9)))
    assert (late.word, late.reasons) == (INCOMPLETE, ("The time was up after 2 of 9 worlds.",))


def test_a_broken_promise_is_a_failure_whatever_else(campaign: Path) -> None:
    found = verdict(account_of(campaign, broken, lambda data: data.update(interrupted=True)))
    assert (found.word, found.reasons) == (FAIL, ("one-effect is broken in 1 world.",))


def test_quantiles_are_values_that_were_seen() -> None:
    values = [10.0, 20.0, 30.0, 40.0]
    assert [quantile(values, share) for share in (0.0, 0.25, 0.5, 0.75, 0.99, 1.0)] == [10, 10, 20, 30, 40, 40]


# -- the page


def test_the_page_needs_nothing_but_itself(campaign: Path) -> None:
    text = page(account_of(campaign, broken))
    reader = read(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & set(reader.tags)
    assert reader.loads == []
    assert all(link.startswith("#") for link in reader.links)
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    assert "default-src &#x27;none&#x27;" in text


def test_every_link_on_the_page_leads_somewhere(campaign: Path) -> None:
    reader = read(page(account_of(campaign, broken)))
    assert len(reader.ids) == len(set(reader.ids))
    assert {link[1:] for link in reader.links} <= set(reader.ids)
    assert {f"op-{n}" for n in range(1, 13)} <= set(reader.ids)


def test_the_verdict_comes_first_with_the_line_that_shows_it_again(campaign: Path) -> None:
    text = page(account_of(campaign, broken))
    assert "<title>FAIL: " in text
    top = text[text.index("<body>") : text.index("<nav")]
    assert "✘ FAIL" in top
    assert "one-effect is broken in 1 world." in top
    assert "tailboard-sim run --script shrunk-3.toml" in top
    assert "tailboard-sim run --seed 3" in text
    assert "counts &lt;b&gt;twice&lt;/b&gt; &amp; more" in text
    assert text.index('id="failures"') < text.index('id="promises"')


def test_what_was_never_hit_is_named_in_words(campaign: Path) -> None:
    text = page(account_of(campaign))
    for name in data_of(campaign)["never_happened"]:
        assert re.search(rf"{name}</th><td>✘ 0, never happened", text)
    assert "◐ INCOMPLETE" in text


def test_every_promise_is_said_in_words(campaign: Path) -> None:
    data = data_of(campaign)
    assert len(data["promises"]) >= 20
    assert all(each["words"].endswith(".") and len(each["words"]) > 20 for each in data["promises"])


def test_a_list_that_is_cut_says_so(campaign: Path) -> None:
    def cut(data: dict[str, Any]) -> None:
        data["worst"]["operations_total"] = 12_345

    listed = len(data_of(campaign)["worst"]["operations"])
    assert f"{listed} of 12,345 are listed." in page(account_of(campaign, cut))


def test_a_world_that_never_settled_is_counted(campaign: Path) -> None:
    def hang(data: dict[str, Any]) -> None:
        data["worlds"][0]["recovery_s"] = None
        data["worst"]["settled_s"] = None

    text = page(account_of(campaign, hang))
    assert "1 world never settled, or fell apart before." in text
    assert "all settled</text>" not in text


def test_good_weather_and_nothing_to_draw_make_a_page_too(campaign: Path) -> None:
    def calm(data: dict[str, Any]) -> None:
        data.update(faults={}, never_happened=[], worst=None, worlds=[])
        data["options"]["armed"] = {}

    assert "No fault was armed" in page(account_of(campaign, calm))


def test_two_campaigns_stand_side_by_side(campaign: Path) -> None:
    text = page(account_of(campaign, broken), account_of(campaign, all_hit))
    assert re.search(r"verdict</th><td>PASS</td><td>FAIL", text)
    assert re.search(r"broken promises</th><td>none</td><td>one-effect", text)


@pytest.mark.requires("chromium")
def test_a_browser_opens_it_from_disk_without_complaint(
    campaign: Path, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(account_of(campaign, broken)))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    home = f"--user-data-dir={tmp_path / 'home'}"
    done = subprocess.run(
        [require("chromium"), *options, home, file.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
    assert "✘ FAIL" in done.stdout
    assert "CONSOLE" not in done.stderr, done.stderr


# -- the course of a world


def test_a_witness_changes_nothing_and_sees_every_command() -> None:
    options = Options(devices=2, commands=8, profile=PROFILES["rough"])
    alone, witness = run(4, options), Witness()
    seen = run(4, options, watch=witness)
    assert (seen.trace, seen.steps_hash) == (alone.trace, alone.steps_hash)
    assert set(witness.operations) >= set(seen.evidence.said)
    assert all(witness.operations[command].steps[-1][1] == "settled" for command in seen.evidence.said)
    assert all(each.steps[0][1] == "saved" for each in witness.operations.values())
    assert [strike.fault for strike in witness.strikes] == [hit.fault for hit in seen.schedule]
    assert len([span for span in witness.spans if span.kind == "down"]) == seen.crashes
    assert witness.healed_s is not None
    assert witness.settled_s == witness.healed_s + (seen.recovery_s or 0.0)
    assert all(span.from_s <= span.to_s for span in witness.spans)


def test_what_went_with_an_older_image_of_the_disk_says_so() -> None:
    options = Options(1, 12, replace(CALM, restored_image=0.05))
    ends: set[str] = set()
    for seed in range(1, 4):
        witness = Witness()
        run(seed, options, watch=witness)
        ends |= {each.steps[-1][1] for each in witness.operations.values()}
    assert ends == {"settled", "set back"}


# -- slices


def shifted(data: dict[str, Any]) -> None:
    data["from"] += 2
    for each in data["worlds"]:
        each["seed"] += 2


def test_slices_of_one_campaign_add_up(campaign: Path) -> None:
    first, second = account_of(campaign), account_of(campaign, shifted, broken)
    whole = added([("b", second), ("a", first)])
    assert (whole.first, whole.seeds, whole.commands, whole.violations) == (3, 4, 2 * first.commands, 1)
    assert [each.seed for each in whole.worlds] == [3, 4, 5, 6]
    assert whole.faults == {name: 2 * count for name, count in first.faults.items()}
    assert whole.never_happened == tuple(n for n in first.options.armed if n in first.never_happened)
    assert whole.promises[0].broken == 1
    assert added([("a", first)]) == first.model_copy(update={"never_happened": whole.never_happened})


def test_what_one_slice_never_hit_another_may_have(campaign: Path) -> None:
    def hit(data: dict[str, Any]) -> None:
        shifted(data)
        data["faults"] |= dict.fromkeys(data["never_happened"], 1)
        data["never_happened"] = []

    assert added([("a", account_of(campaign)), ("b", account_of(campaign, hit))]).never_happened == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda data: data.update(commit="other"), "; only slices of one commit add up"),
        (lambda data: data["options"].update(devices=9), "a and b ran worlds with different options"),
        (lambda data: None, "seed 3 is in a and in b; it would count twice"),
    ],
)
def test_what_does_not_add_up_is_refused(campaign: Path, change: Change, sentence: str) -> None:
    with pytest.raises(Mismatch) as told:
        added([("a", account_of(campaign)), ("b", account_of(campaign, change))])
    assert sentence in str(told.value)


# -- the verb


def test_report_writes_the_page_and_answers(campaign: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "report.html"
    assert main(["report", str(campaign), "--out", str(out), "--before", str(campaign), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["verdict"], told["file"]) == ("tailboard.report.v1", INCOMPLETE, str(out))
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_files_that_cannot_be_used_are_one_sentence(campaign: Path, tmp_path: Path, capsys: Capture) -> None:
    odd = tmp_path / "odd.json"
    out = str(tmp_path / "r.html")
    for text, sentence in [
        ("{", f"{odd} is not JSON."),
        ("[]", f"{odd} is not what explore writes: it is not one object."),
        ('{"schema": "tailboard.run.v1"}', f"{odd} is not what explore writes: its schema is not"),
        ('{"schema": "tailboard.explore.v1", "ok": true}', f"{odd} is of another version of this program: commit:"),
        (json.dumps({**data_of(campaign), "luck": 1}), f"{odd} is of another version of this program: luck:"),
    ]:
        odd.write_text(text)
        assert main(["report", str(odd), "--out", out]) == 2
        assert capsys.readouterr().err.startswith(sentence)
    assert main(["report", "/nowhere", "--out", out]) == 2
    assert capsys.readouterr().err.startswith("Cannot read /nowhere: No such file or directory.")
    assert main(["report", str(campaign), "--out", "/nowhere/r.html"]) == 2
    assert capsys.readouterr().err.startswith("Cannot write /nowhere/r.html: No such file or directory.")
    assert main(["report", str(campaign), str(campaign), "--out", out]) == 2
    assert "it would count twice" in capsys.readouterr().err
