"""`cluster.toml`, and what may not stand in it."""

from pathlib import Path

import pytest

from shared.problems import Refused
from sync_server.cluster.upstreams import parse_cluster, private, read_cluster

GOOD = """
hosts = ["vllm.inference.svc", "models.example"]

[upstreams.house]
url = "http://vllm.inference.svc:8000"
boundary = "private_cluster"
model = "Qwen/Qwen3-8B"
tier = "standard"
context_tokens = 32768
slots = 16
key_env = "HOUSE_KEY"

[quota]
tenant = { requests = 10, tokens = 1000 }
actors = { "t/a.okafor" = { requests = 1, tokens = 10 } }
"""


def test_a_good_file_is_read_with_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text(GOOD)
    cluster = read_cluster(path, {"HOUSE_KEY": "sesame"})
    (house,) = cluster.upstreams
    assert (house.name, house.key, house.told.slots) == ("house", "sesame", 16)
    assert "sesame" not in repr(cluster)
    assert [(who, told.requests) for who, told in cluster.quota.of("t", "a.okafor")] == [("t", 10), ("t/a.okafor", 1)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("private_cluster", "managed_cloud", "managed_cloud is not true"),
        ("private_cluster", "device", "boundary"),
        ("http://vllm.inference.svc:8000", "http://elsewhere.example", "not among hosts"),
        ("http://vllm.inference.svc:8000", "http://8.8.8.8:8000", "only https"),
        ("http://vllm.inference.svc:8000", "ftp://models.example", "scheme"),
        ("http://vllm.inference.svc:8000", "https://user:word@models.example", "scheme"),
        ("slots = 16", "slots = 0", "slots"),
        ("slots = 16", "slotz = 16", "slotz"),
        ('tier = "standard"', 'tier = "best"', "tier"),
        ('key_env = "HOUSE_KEY"', 'key_env = "HOUSE_KEY"\nkey_file = "k"', "not from both"),
        ("[quota]", "[quota", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        parse_cluster(GOOD.replace(old, new))


@pytest.mark.parametrize("environment", [{}, {"HOUSE_KEY": ""}, {"HOUSE_KEY": "two words"}])
def test_a_key_that_is_not_there_is_named_and_not_shown(tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text(GOOD)
    with pytest.raises(Refused, match="HOUSE_KEY") as refused:
        read_cluster(path, environment)
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True), ("10.1.2.3", True), ("192.168.0.9", True), ("fd00::1", True), ("::1", True),
        ("::ffff:10.0.0.1", True), ("8.8.8.8", False), ("169.254.169.254", False), ("0.0.0.0", False),
        ("::ffff:8.8.8.8", False), ("2001:4860:4860::8888", False), ("224.0.0.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_private(address: str, inside: bool) -> None:
    assert private(address) is inside
