"""A bundle is taken whole or refused with the file and the place; packed, it is the same bytes every time."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.bundle import CEDAR, FILES, MANIFEST, ROUTES, SCHEMA, BadBundle, pack, parse_bundle, unpack
from shared.routing import Obstacle
from tests.routing import shipped, shipped_files


def changed(name: str, old: str, new: str) -> Mapping[str, str]:
    text = shipped_files()[name]
    assert old in text
    return {**shipped_files(), name: text.replace(old, new, 1)}


def test_the_shipped_bundle_names_its_policies_and_what_lifts_them() -> None:
    policies = {policy.id: policy for policy in shipped().policies.values()}
    assert shipped().version == "shipped-1"
    assert policies["sensitive-asks-first"].lifts is Obstacle.NEEDS_CONSENT
    assert policies["complex-asks-for-approval"].lifts is Obstacle.NEEDS_APPROVAL
    assert not policies["on-device"].forbids


def test_a_packed_bundle_is_the_same_bytes_in_whatever_order() -> None:
    files = shipped_files()
    turned = {name: files[name] for name in reversed(FILES)}
    assert pack(turned) == pack(files)
    assert unpack(pack(files)).files == dict(files)
    assert unpack(pack(files)).digest() == shipped().digest()


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        (CEDAR, '@id("on-device")', "", r"boundary.cedar, line \d+: needs an @id"),
        (CEDAR, '@id("on-device")', '@id("on device")', r"line \d+: needs an @id"),
        (CEDAR, '@reason("work on this laptop crosses no boundary")', "", "needs a @reason"),
        (CEDAR, '@id("on-device")', '@id("our-own-cluster")', "our-own-cluster stands twice"),
        (CEDAR, '@id("on-device")', '@id("on-device") @lifts("consent")', "@lifts"),
        (CEDAR, '@lifts("approval")', '@lifts("money")', "@lifts"),
        (CEDAR, '@lifts("approval")', '@owner("me")', "annotation other than"),
        (CEDAR, "!context.device_approved", "!context.mood", r"boundary.cedar, line 18: does not fit"),
        (CEDAR, "!context.device_approved", 'context.rank == "2"', "does not fit the schema"),
        (CEDAR, "when { context.rank > 0 };", "when { context.rank > };", r"boundary.cedar, the policy at line \d+"),
        (CEDAR, "permit (", "permit ", r"the policy at line 9"),
        (CEDAR, "    principal,", "    principal == ?principal,", "templates"),
        (SCHEMA, "namespace", "nmspace", "boundary.cedarschema: "),
        (MANIFEST, "version = 1", "version = 0", "manifest.toml: version"),
        (MANIFEST, "version = 1", "version = 1\nauthor = 'x'", "manifest.toml: author"),
        (MANIFEST, "2031-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "expires_at is not after"),
        (MANIFEST, "2031-01-01T00:00:00Z", "2031-01-01T00:00:00", "manifest.toml: expires_at"),
        (MANIFEST, "version = 1", "version = ", "manifest.toml: .*line 3"),
        (ROUTES, "tenants = []", "tenant = []", "routes.toml: cloud"),
        (ROUTES, "window_s = 60", "window_s = -60", "routes.toml: stability.window_s"),
        (ROUTES, "window_s = 60", "window_s = 'long'", "routes.toml: stability.window_s"),
        (ROUTES, '"wait", "cost"]', '"wait", "mood"]', "routes.toml: rank_by"),
        (ROUTES, 'stale = "', 'stole = "', "routes.toml: advice"),
        (ROUTES, 'no_link = "', '# "', "says nothing about no_link"),
        (ROUTES, "propose = {", "propos = {", "routes.toml: purposes"),
        (ROUTES, "{model}", "{model.__class__}", "is not one of"),
        (ROUTES, "{model}", "{prompt}", "is not one of"),
        (ROUTES, '["device", "private_cluster", ', '["device", "device", ', "every place once"),
        (ROUTES, "[[disclose]]\ntext", "[[disclose]]\nwhen = { routes = ['refuse'] }\ntext", "it must fit always"),
    ],
)  # fmt: skip
def test_a_bad_bundle_is_refused_whole_with_the_file_and_the_place(name: str, old: str, new: str, why: str) -> None:
    with pytest.raises(BadBundle, match=why):
        parse_bundle(changed(name, old, new))


def test_a_semicolon_in_a_text_or_a_comment_does_not_mislead_the_place() -> None:
    text = '// one; two\n@id("a") @reason("no; never")\nforbid (principal, action, resource);\npermit (principal;\n'
    with pytest.raises(BadBundle, match="the policy at line 4"):
        parse_bundle({**shipped_files(), CEDAR: text})


@pytest.mark.parametrize("missing", FILES)
def test_a_missing_or_an_unknown_file_is_named(missing: str) -> None:
    with pytest.raises(BadBundle, match=missing):
        parse_bundle({name: text for name, text in shipped_files().items() if name != missing})
    with pytest.raises(BadBundle, match=r"extra\.txt"):
        parse_bundle({**shipped_files(), "extra.txt": ""})


@pytest.mark.parametrize(
    "packed",
    [b"", b"{}", b"[]", b'{"schema": "tailboard.bundle.v2", "files": {}}', b"\xff", b'{"files": {}, "files": {}}'],
)
def test_what_is_no_packed_bundle_is_refused(packed: bytes) -> None:
    with pytest.raises(BadBundle):
        unpack(packed)


@given(st.sampled_from(FILES), st.data())
def test_damage_anywhere_is_refused_or_harmless_and_never_a_fault(name: str, data: st.DataObject) -> None:
    text = shipped_files()[name]
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    damaged = text[:start] + data.draw(st.text(max_size=5)) + text[end:]
    told = ""
    try:
        packed = pack(parse_bundle({**shipped_files(), name: damaged}).files)
    except BadBundle as refused:
        told = str(refused)
    else:
        assert json.loads(packed)["files"][name] == damaged
    assert not told or name in told or name == SCHEMA  # a policy may be what no longer fits a damaged schema
