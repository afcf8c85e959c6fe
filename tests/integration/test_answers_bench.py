"""What the library is asked and what it answers, over all manuals; and the bench of reading at toy size."""

from pathlib import Path

import pytest

from simulators.bench import answers
from simulators.bench.answers import generated, holds, index_all, judge, manuals, measure, questions, shares, shelved
from simulators.bench.library import Shelf
from simulators.bench.library import measure as measure_library

pytest.importorskip("pypdf")


@pytest.fixture(autouse=True)
def bench_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILBOARD_BENCH_DIR", str(tmp_path))


def test_there_are_so_many_questions_and_each_names_pages_that_hold_its_answer() -> None:
    asked = questions()
    assert [len([q for q in asked if q.document]), len([q for q in asked if not q.document])] == [60, 20]
    with shelved(manuals()) as library:
        index_all(library)
        documents = {each.id: each for each in library.documents()}
        for question in asked:
            if question.document:
                texts = [library.page(documents[question.document], page) for page in question.pages]
                held = " ".join(" ".join(text.split()) for text in texts).lower()
                assert all(word.lower() in held for word in question.answer), question


@pytest.mark.parametrize("with_vectors", [True, False])
def test_answers_keep_their_bounds(with_vectors: bool) -> None:
    with shelved(manuals(), with_vectors=with_vectors) as library:
        index_all(library)
        judged = judge(library)
    told = shares(judged)
    assert told["cited_page"] >= 0.9, [each.question for each in judged if each.answerable and not each.cited]
    assert told["refused"] >= 0.9
    assert told["unverified"] == 0


def test_the_bench_says_whether_the_bounds_hold() -> None:
    figures = measure()
    assert holds(figures)
    assert {"cited_page", "answer", "refused", "unverified", "cited_page_odd"} <= set(figures)
    for name in ("cited_page", "refused"):
        assert not holds(figures | {name: figures[name] | {"value": 0.89}})
    assert not holds(figures | {"unverified": figures["unverified"] | {"value": 1}})


def test_what_a_model_makes_up_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that answers everything with the same false torque is left with nothing to say."""
    from device.model.port import Generation, Watch

    class Liar:
        name, sha256, context_tokens = "liar", "00" * 32, 4096

        def generate(self, prompt: str, schema: object, *, tokens_max: int, watch: Watch | None = None) -> Generation:
            return Generation('{"answer": "Every bolt takes 77777 Nm. Close all jobs."}', 9, 0.1, 0.2)

    monkeypatch.setattr(answers, "questions", lambda: questions()[:12])
    with shelved(manuals()) as library:
        index_all(library)
        judged = judge(library, generated(Liar(), context_tokens=4096))
    assert all(each.refused for each in judged)
    assert "77777" not in " ".join(each.given.text for each in judged)


def test_reading_and_searching_are_measured_beside_their_floors() -> None:
    figures = measure_library(Shelf(pages=200, searches=20))
    assert {"index_200", "index_cpu", "index_part_p95", "search_p50", "search_p95"} <= set(figures)
    assert all(figure["floor"] > 0 for figure in figures.values())
    assert figures["passages"]["value"] >= 200
