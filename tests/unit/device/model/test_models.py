from pathlib import Path

import pytest

from device.core import prompts
from device.errors import LocalError
from device.model import registry
from device.model.evals.gate import EvalReport, failure, suites
from device.model.models import Models
from device.model.port import ModelError
from policies.models import ApprovedModel, ModelCatalogue
from policies.rollout import Rollout, Stage
from shared.ids import sha256_hex
from shared.routing import Tier
from tests.builders import NOW
from tests.unit.device.model.test_gguf import made

HERE = "TB-07"


class Meta(dict[str, str]):
    """Named values."""

    def meta(self, name: str) -> str | None:
        return self.get(name)

    def set_meta(self, name: str, value: str) -> None:
        self[name] = value


def content(number: int) -> bytes:
    return made(data=512 + number)


def approved(number: int) -> ApprovedModel:
    raw = content(number)
    return ApprovedModel(
        number=number,
        name=f"model-{number}",
        sha256=sha256_hex(raw),
        size_bytes=len(raw),
        memory_mib=300,
        licence="Apache-2.0",
        tier=Tier.STANDARD,
    )


class Laptop:
    """Models with the office's catalogue as a test sets it."""

    def __init__(self, folder: Path) -> None:
        self.meta, self.catalogue = Meta(), ModelCatalogue()
        self.folder = folder
        self.models = self.opened()

    def opened(self) -> Models:
        return Models(self.meta, self.folder / "models", HERE, lambda: self.catalogue)

    def rolled_out(self, *numbers: int, in_force: int | None = None, stages: tuple[Stage, ...] = ()) -> None:
        told = Rollout(serial=1, in_force=in_force, stages=stages)
        self.catalogue = ModelCatalogue(models=tuple(map(approved, numbers)), rollout=told)

    def arrives(self, number: int) -> str:
        sha256 = approved(number).sha256
        self.models.folder.mkdir(exist_ok=True)
        self.models.partial(sha256).write_bytes(content(number))
        assert self.models.arrived(sha256)
        return sha256

    def brings(self, name: str, number: int) -> str:
        path = self.folder / f"{name}.gguf"
        path.write_bytes(content(number))
        return self.models.add(path).sha256

    def passes(self, sha256: str) -> None:
        self.models.note(report(sha256))

    def standing(self, sha256: str) -> str:
        return self.models.find(sha256).standing

    def ladder(self) -> list[str]:
        return [each().sha256 for each in self.models.to_use()[:-1]]  # the last is the one that ships


def report(sha256: str, *failed: str, version: int = prompts.VERSION) -> EvalReport:
    versions = {"prompts": version, "suites": suites()["version"]}
    return EvalReport(model="m", sha256=sha256, at=NOW, figures={}, failed=failed, **versions)


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


def test_at_first_there_is_the_one_that_ships(laptop: Laptop) -> None:
    (known,) = laptop.models.known()
    assert (known.sha256, known.standing, known.here, known.licence) == (registry.SHA256, "used", True, "Apache-2.0")
    assert laptop.ladder() == []
    assert laptop.models.due() is None
    with pytest.raises(LocalError, match="there is none before it"):
        laptop.models.roll_back()


# -- a person's file


def test_a_file_that_was_brought_is_used_only_after_it_passed(laptop: Laptop) -> None:
    sha256 = laptop.brings("seven-b", 1)
    assert (laptop.standing(sha256), laptop.ladder()) == ("not evaluated", [])
    with pytest.raises(LocalError, match=r"not evaluated for this program\. See: tailboard model eval seven-b"):
        laptop.models.promote(sha256)
    laptop.models.note(report(sha256, "speed: tokens per s is 1.0"))
    with pytest.raises(LocalError, match=r"speed: tokens per s is 1\.0"):
        laptop.models.promote(sha256)
    laptop.models.note(report(sha256, version=prompts.VERSION + 1))
    with pytest.raises(LocalError, match="not evaluated for this program"):
        laptop.models.promote(sha256)
    laptop.passes(sha256)
    laptop.models.promote(sha256)
    assert (laptop.standing(sha256), laptop.ladder()) == ("used", [sha256])
    assert laptop.opened().find("seven-b").standing == "used"


def test_a_file_that_is_no_model_is_not_brought(laptop: Laptop) -> None:
    path = laptop.folder / "photo.gguf"
    path.write_bytes(b"\x89PNG" * 100)
    with pytest.raises(ModelError, match="is not a GGUF model file"):
        laptop.models.add(path)
    assert len(laptop.models.known()) == 1
    assert not laptop.models.folder.exists()


def test_a_file_that_was_changed_on_the_disk_is_not_used(laptop: Laptop) -> None:
    sha256 = laptop.brings("seven-b", 1)
    (laptop.models.folder / f"{sha256}.gguf").write_bytes(content(2))
    with pytest.raises(ModelError, match="seven-b was changed on the disk"):
        laptop.models.file(sha256)


@pytest.mark.parametrize("named", ["seven-b", "SHA"])
def test_a_model_is_found_by_name_or_hash(laptop: Laptop, named: str) -> None:
    sha256 = laptop.brings("seven-b", 1)
    assert laptop.models.find(sha256[:8] if named == "SHA" else named).sha256 == sha256
    with pytest.raises(LocalError, match="No model is called gone"):
        laptop.models.find("gone")


# -- the last good one


def test_the_one_before_is_kept_and_comes_back(laptop: Laptop) -> None:
    first, second = laptop.brings("one", 1), laptop.brings("two", 2)
    for each in (first, second):
        laptop.passes(each)
        laptop.models.promote(each)
    assert laptop.ladder() == [second, first]
    laptop.models.give_up(second, "it crashed 3 times")
    assert (laptop.ladder(), laptop.standing(second), laptop.standing(first)) == ([first], "given up", "used")
    laptop.models.give_up(first, "so did this one")
    assert laptop.ladder() == []
    assert laptop.standing(registry.SHA256) == "used"


def test_going_back_by_hand_is_the_same(laptop: Laptop) -> None:
    first, second = laptop.brings("one", 1), laptop.brings("two", 2)
    for each in (first, second):
        laptop.passes(each)
        laptop.models.promote(each)
    assert laptop.models.roll_back() == "one"
    assert laptop.ladder() == [first]
    assert laptop.models.roll_back() == registry.FILE.removesuffix(".gguf")
    assert laptop.ladder() == []


def test_giving_up_one_that_is_not_used_changes_nothing(laptop: Laptop) -> None:
    sha256 = laptop.brings("one", 1)
    laptop.models.give_up(sha256, "why")
    laptop.models.give_up(registry.SHA256, "why")
    assert laptop.standing(sha256) == "not evaluated"
    assert laptop.standing(registry.SHA256) == "used"


# -- what the office rolls out


def test_what_is_in_force_here_is_fetched_evaluated_and_used(laptop: Laptop) -> None:
    laptop.rolled_out(1, in_force=1)
    assert [each.number for each in laptop.models.missing()] == [1]
    assert laptop.models.due() is None  # its file is not here
    sha256 = laptop.arrives(1)
    assert laptop.models.missing() == []
    assert laptop.models.due() == sha256
    laptop.passes(sha256)
    assert (laptop.models.due(), laptop.models.settle(sha256)) == (None, "model-1")
    assert laptop.ladder() == [sha256]
    assert laptop.models.tier_of(sha256) is Tier.STANDARD


def test_what_is_in_the_shadow_is_evaluated_and_not_used(laptop: Laptop) -> None:
    laptop.rolled_out(1, stages=(Stage(version=1, mode="shadow"),))
    sha256 = laptop.arrives(1)
    assert laptop.models.due() == sha256
    laptop.passes(sha256)
    assert laptop.models.settle(sha256) is None
    assert laptop.ladder() == []


def test_a_stage_is_for_the_laptops_that_it_names(laptop: Laptop) -> None:
    elsewhere = Stage(version=2, mode="in_force", groups=frozenset({"TB-99"}))
    laptop.rolled_out(1, 2, 3, in_force=1, stages=(elsewhere,))
    assert [each.number for each in laptop.models.missing()] == [1]
    here = Stage(version=3, mode="in_force", groups=frozenset({HERE}))
    laptop.rolled_out(1, 2, 3, in_force=1, stages=(here, elsewhere))
    assert [each.number for each in laptop.models.missing()] == [3, 1]
    for number in (1, 3):
        laptop.passes(laptop.arrives(number))
    assert laptop.models.settle(approved(1).sha256) is None
    assert laptop.models.settle(approved(3).sha256) == "model-3"


def test_what_failed_or_was_given_up_is_not_tried_again_by_itself(laptop: Laptop) -> None:
    laptop.rolled_out(1, in_force=1)
    sha256 = laptop.arrives(1)
    laptop.models.note(failure("model-1", sha256, "It fell over.", NOW))
    assert (laptop.models.due(), laptop.models.settle(sha256)) == (None, None)
    laptop.passes(sha256)
    laptop.models.settle(sha256)
    laptop.models.give_up(sha256, "it crashed 3 times")
    assert laptop.models.due() is None
    assert laptop.ladder() == []


def test_with_other_prompts_it_is_evaluated_again(laptop: Laptop) -> None:
    laptop.rolled_out(1, in_force=1)
    sha256 = laptop.arrives(1)
    laptop.models.note(report(sha256, version=prompts.VERSION + 1))
    assert laptop.models.due() == sha256


def test_what_the_office_withdrew_is_used_no_more_and_its_file_goes(laptop: Laptop) -> None:
    laptop.rolled_out(1, in_force=1)
    sha256, brought = laptop.arrives(1), laptop.brings("own", 9)
    laptop.passes(sha256)
    laptop.models.settle(sha256)
    laptop.models.forget()
    assert laptop.ladder() == [sha256]
    laptop.catalogue = ModelCatalogue()
    assert laptop.ladder() == []
    laptop.models.forget()
    assert [path.stem for path in laptop.models.folder.glob("*.gguf")] == [brought]


def test_bytes_that_are_not_those_that_were_signed_are_thrown_away(laptop: Laptop) -> None:
    laptop.rolled_out(1, in_force=1)
    sha256 = approved(1).sha256
    laptop.models.folder.mkdir()
    laptop.models.partial(sha256).write_bytes(content(2))
    assert not laptop.models.arrived(sha256)
    assert list(laptop.models.folder.iterdir()) == []
