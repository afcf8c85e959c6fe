"""`tailboard-server policy …`: thin, and clear about what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from policies.bundle import CEDAR, FILES, pack
from policies.route import choose
from shared.routing import DataClass
from sync_server.cli import main
from tests.builders import NOW
from tests.routing import request, shipped, shipped_files


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = main(["policy", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def folder(path: Path, **texts: str) -> Path:
    for name in FILES:
        (path / name).write_text(texts.get(name.replace(".", "_"), shipped_files()[name]), encoding="utf-8")
    return path


def test_the_shipped_bundle_is_sound_and_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "check")
    assert (code, said["ok"], said["bundle"], said["sha256"]) == (0, True, "shipped-1", shipped().digest())
    code, said = run(capsys, "test")
    assert (code, said["wrong"], said["misses"]) == (0, 0, [])
    assert said["cases"] >= 150
    assert main(["policy", "check"]) == 0
    assert "permit on-device" in capsys.readouterr().out


def test_a_folder_and_the_packed_file_are_the_same_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tmp_path / "bundle.json"
    packed.write_bytes(pack(shipped_files()))
    (tmp_path / "bundle").mkdir()
    said = [run(capsys, "check", str(each))[1] for each in (packed, folder(tmp_path / "bundle"))]
    assert said[0] == said[1]


def test_a_bundle_that_cannot_be_used_is_a_no_with_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(tmp_path, boundary_cedar="permit (")
    for verb in ("check", "test"):
        code, said = run(capsys, verb, str(tmp_path))
        assert (code, said["ok"]) == (1, False)
        assert CEDAR in said["error"]
    (tmp_path / CEDAR).unlink()
    assert "missing or unknown: boundary.cedar" in run(capsys, "check", str(tmp_path))[1]["error"]


def test_a_bundle_that_decides_otherwise_is_told_case_by_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loose = shipped_files()[CEDAR].replace("when { context.rank >= 2 && !context.consented };", "when { false };")
    code, said = run(capsys, "test", str(folder(tmp_path, boundary_cedar=loose)))
    assert code == 1
    assert said["wrong"] > 10
    assert {"case", "field", "expected", "decided"} == set(said["misses"][0])


def test_a_diff_lists_every_decision_that_flips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = [choose(shipped(), request(purpose="summarise", data_class=each), NOW) for each in DataClass]
    traces = tmp_path / "traces.jsonl"
    touched = recorded[0].model_copy(update={"reason": "another"})
    traces.write_bytes(b"\n".join(each.to_bytes() for each in [*recorded, touched]))
    (tmp_path / "new").mkdir()
    closed = shipped_files()[CEDAR].replace("when { context.rank >= 2 && !context.consented };", ";")
    code, said = run(capsys, "diff", str(folder(tmp_path / "new", boundary_cedar=closed)), "--replay", str(traces))
    assert (code, said["replayed"], said["wider"], len(said["damaged"])) == (1, 4, 0, 1)
    flipped = [(each["data_class"], each["before"], each["after"]) for each in said["flips"]]
    assert flipped == [("internal", "private_cluster", "device")]
    assert main(["policy", "diff", str(tmp_path / "new"), "--replay", str(traces)]) == 1
    assert "changed after they were written" in capsys.readouterr().out


def test_nothing_flips_under_the_same_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    traces = tmp_path / "traces.jsonl"
    traces.write_bytes(choose(shipped(), request(), NOW).to_bytes())
    assert run(capsys, "diff", "--replay", str(traces))[0] == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("check", "nowhere"), "There is no folder or file nowhere"),
        (("test", "--corpus", "nowhere"), "There is no file nowhere"),
        (("diff", "--replay", "nowhere"), "There is no file nowhere"),
    ],
)
def test_a_name_that_is_not_there_is_usage(
    words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(capsys, *words)
    assert code == 2
    assert why in said["error"]


def test_a_line_that_is_no_decision_is_named_without_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    traces = tmp_path / "traces.jsonl"
    traces.write_text('\n{"version": 1, "reason": "secret words"}\n', encoding="utf-8")
    code, said = run(capsys, "diff", "--replay", str(traces))
    assert code == 2
    assert "line 2 is no recorded decision" in said["error"]
    assert "secret words" not in said["error"]
