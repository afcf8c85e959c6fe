import pytest

from policies.models import ModelCatalogue
from policies.rollout import Rollout, Stage
from shared.routing import DataClass
from tests.unit.device.model.test_models import approved


def test_a_catalogue_holds_together() -> None:
    with pytest.raises(ValueError, match="a number is used once"):
        ModelCatalogue(models=(approved(1), approved(1)))
    with pytest.raises(ValueError, match="what is rolled out is in the catalogue"):
        ModelCatalogue(models=(approved(1),), rollout=Rollout(in_force=2))
    narrow = Stage(version=2, mode="in_force", classes=frozenset({DataClass.PUBLIC}))
    with pytest.raises(ValueError, match="a model's stage is for devices"):
        ModelCatalogue(models=(approved(2),), rollout=Rollout(stages=(narrow,)))


def test_the_newest_stage_that_fits_says_which_model_is_meant() -> None:
    stages = (
        Stage(version=3, mode="shadow"),
        Stage(version=2, mode="in_force", groups=frozenset({"TB-01"})),
    )
    catalogue = ModelCatalogue(models=tuple(map(approved, (1, 2, 3))), rollout=Rollout(in_force=1, stages=stages))
    meant = {device: catalogue.meant_for((device,)) for device in ("TB-01", "TB-02")}
    assert {device: model and model.number for device, model in meant.items()} == {"TB-01": 2, "TB-02": 1}
    assert [each.number for each in catalogue.wanted_by(("TB-02",))] == [3, 1]
    assert ModelCatalogue().meant_for(("TB-01",)) is None
