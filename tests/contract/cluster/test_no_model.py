"""A laptop that was told to have no model: none is loaded, whatever is installed, and none is said to be there."""

from dataclasses import replace

import pytest

from device import bootstrap
from device.model import registry
from device.model.port import ModelError
from device.settings import NO_MODEL
from tests.contract.cluster.pair import PIN, Pair
from tests.laptops import Writes
from tests.served import in_place


def test_none_means_none_even_where_one_is_installed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ladder", lambda *_: pytest.fail("it looked for a file"))
    with pytest.raises(ModelError, match="told to run without a model"):
        pair.device.load_model()
    monkeypatch.setattr(pair.device.models, "due", lambda: pytest.fail("it looked for a model to evaluate"))
    pair.device.tend_model()


def test_what_was_stated_of_the_model_before_does_not_hold(pair: Pair) -> None:
    with_one, laptop = pair.device, pair.device.workbench.routes.laptop
    laptop.tried(Writes(), Writes().generate("", None, tokens_max=1))
    for model, told in ((None, True), (NO_MODEL, False)):
        settings = replace(with_one.settings, model=model)
        again = bootstrap.open_device(settings, PIN, with_one.ports, run_blocking=in_place)
        assert (again.workbench.routes.laptop.told() is not None) is told
        again.store.close()
