import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.model import gguf
from device.model.port import ModelError
from shared.gguf import Header


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


KIND = text("general.architecture") + struct.pack("<I", 8) + text("llama")
WORDS = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3) + text("a") + text("泵") + text("")
SCORES = text("tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, 3) + bytes(12)
VALUES = (
    KIND,
    number("llama.block_count", 2),
    number("llama.embedding_length", 64),
    number("llama.attention.head_count", 4),
    number("llama.attention.head_count_kv", 2),
    number("llama.context_length", 4096),
    WORDS,
    SCORES,
)


def tensor(dims: tuple[int, ...] = (64, 2), kind: int = 0, offset: int = 0) -> bytes:
    return text("w") + struct.pack(f"<I{len(dims)}Q", len(dims), *dims) + struct.pack("<IQ", kind, offset)


def made(
    *, values: tuple[bytes, ...] = VALUES, tensors: tuple[bytes, ...] = (tensor(),), version: int = 3, data: int = 512
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values)) + b"".join((*values, *tensors))
    return head + bytes(-len(head) % 32) + bytes(data)


def read(folder: Path, raw: bytes) -> Header:
    path = folder / "some.gguf"
    path.write_bytes(raw)
    return gguf.read(path)


def test_a_header_tells_what_a_token_of_context_takes(tmp_path: Path) -> None:
    # 2 layers × 2 heads × (16 + 16) × 2 bytes
    assert read(tmp_path, made()) == Header("llama", 4096, 256)


@pytest.mark.requires("model")
def test_the_shipped_file_is_read(model_file: Path) -> None:
    assert gguf.read(model_file) == Header("llama", 8192, 23040)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is empty"),
        (b"GG", "is not a GGUF model file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "is not a GGUF model file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is not a GGUF model file"),
        (b"GGUF", "is cut short"),
        (made()[:-1], "is cut short"),
        (made()[:200], "is cut short"),
        (made(version=1), "is of GGUF version 1"),
        (made(version=0x03000000), "is of GGUF version"),  # of the other byte order
        (made(values=()), "does not say of what kind"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1), "its tables cannot be so long"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1 << 60), "its tables cannot be so long"),
        (made(values=(KIND, text("x") + struct.pack("<II", 99, 0))), "a value has no type"),
        (made(values=(KIND, text("x") + struct.pack("<IIQ", 9, 8, 1 << 62))), "its tables cannot be so long"),
        (made(values=(KIND, text("x") + struct.pack("<IIQ", 9, 4, 1 << 40))), "its tables cannot be so long"),
        (made(values=(KIND, struct.pack("<Q", 1 << 63))), "a name in it cannot be so long"),
        (made(values=(KIND, number("general.alignment", 0))), "its alignment makes no sense"),
        (made(tensors=(tensor(dims=()),)), "a tensor has no shape"),
        (made(tensors=(tensor(offset=1 << 50),)), "is cut short"),
        (made(tensors=(tensor(dims=(1 << 60, 1 << 60)),)), "is cut short"),
    ],
)
def test_a_hostile_header_is_a_sentence(tmp_path: Path, raw: bytes, why: str) -> None:
    with pytest.raises(ModelError, match=rf"some.gguf .*{why}.*; forms still work\.$"):
        read(tmp_path, raw)


def test_arrays_in_arrays_end(tmp_path: Path) -> None:
    deep = text("x") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 50
    with pytest.raises(ModelError, match="damaged"):
        read(tmp_path, made(values=(KIND, deep)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 400), to=st.binary(min_size=1, max_size=12))
def test_whatever_is_changed_it_is_read_or_a_sentence(tmp_path: Path, at: int, to: bytes) -> None:
    raw = bytearray(made())
    raw[at : at + len(to)] = to
    with suppress(ModelError):
        found = read(tmp_path, bytes(raw))
        assert 0 < found.kv_bytes <= 64 << 20
        assert found.context_tokens > 0


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model file at .*gone.gguf; forms still work"):
        gguf.read(tmp_path / "gone.gguf")
    with pytest.raises(ModelError, match=r"cannot be read .*; forms still work"):
        gguf.read(tmp_path)
