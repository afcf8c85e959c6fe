"""A reply is kept as it came, so every record in it is looked at before."""

import json
from typing import Any

import pytest

from device.errors import TransportError
from device.transport import Begun, read_ending, read_reply
from shared.compression import unpack
from shared.envelope import COMMAND_TYPE, HEAD_TYPE, SigningKey, seal
from shared.records import record_to_json
from shared.sync import PROTOCOL, SyncReply, SyncRequest, cursor_at, with_changes
from tests.builders import NOW, record

RECORD: dict[str, Any] = record_to_json(record())


def reply(changes: Any) -> bytes:
    bare = SyncReply(
        changes=(),
        protocol=PROTOCOL,
        answers=(),
        cursor=cursor_at(1, 1),
        more=False,
        head=seal(HEAD_TYPE, b"{}", SigningKey(b"\x01" * 32)).to_wire(),
        epoch=1,
        server_time=NOW,
        incarnation=1,
    )
    return with_changes(bare, [json.dumps(each) for each in changes])


def test_changes_are_kept_as_they_came() -> None:
    answered = read_reply(reply([RECORD]))
    assert answered.changes == [RECORD]
    assert answered.reply.changes == ()


@pytest.mark.parametrize(
    "spoil",
    [
        {"ref": "nonsense"},
        {"ref": "work_order/" + "x" * 65},
        {"ref": 7},
        {"version": "1"},
        {"version": True},
        {"fields": []},
        {"stamps": []},
        {"stamps": {"title": {}}},
        {"born": None},
        {"born": {**RECORD["born"], "at": "yesterday"}},
        {"born": {**RECORD["born"], "at": "2026-11-21T08:00:00"}},
        {"born": {**RECORD["born"], "actor": 1}},
        {"born": {**RECORD["born"], "more": 1}},
        {"more": 1},
    ],
)
def test_what_is_no_record_is_no_answer(spoil: dict[str, Any]) -> None:
    spoilt = {**RECORD, **spoil}
    with pytest.raises(TransportError):
        read_reply(reply([RECORD, spoilt]))


@pytest.mark.parametrize("raw", [b"[]", b"null", b"{}", b'{"changes":7}', b'{"changes":[7]}', b"<html>"])
def test_nonsense_is_no_answer(raw: bytes) -> None:
    with pytest.raises(TransportError):
        read_reply(raw)


def test_the_end_of_a_reply_is_read_without_the_rest() -> None:
    tricky = {**RECORD, "fields": {**RECORD["fields"], "title": '","cursor":"9:9","more":true}'}}
    raw = reply([tricky])
    assert read_ending(raw) == read_reply(raw).reply
    assert read_ending(raw.replace(b'"changes":[', b'"changes":[7,')) == read_reply(raw).reply


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"<html>", b'{"cursor":"1:1"}', b'"cursor":', reply([])[:-1], reply([]) + b"x"]
)
def test_what_does_not_end_like_a_reply_has_no_end(raw: bytes) -> None:
    assert read_ending(raw) is None


@pytest.mark.parametrize("commands", [0, 40])
def test_a_request_that_was_begun_is_the_whole_request_when_it_leaves(commands: int) -> None:
    wire = seal(COMMAND_TYPE, b"{}", SigningKey(b"\x01" * 32)).to_wire()
    request = SyncRequest(protocol=2, commands=(wire,) * commands)
    body = Begun(request).ended("1:7:0", NOW)
    raw = unpack(body.content, 1 << 20) if body.packed else body.content
    assert SyncRequest.model_validate_json(raw) == request.model_copy(update={"cursor": "1:7:0", "sent_at": NOW})
    assert (body.size, body.packed) == (len(raw), bool(commands))
