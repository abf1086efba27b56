"""One line a request: what it says, that it stays one line, and that nothing it meets fails a request."""

from __future__ import annotations

import errno
import json
import math
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from llmgate_gateway.telemetry.access_log import AccessLog
from llmgate_gateway.telemetry.log_writer import MAX_LINES, LineWriter
from llmgate_gateway.telemetry.record import RequestRecord

from llmgate_core.serving import LedgerEntry

ODD = 'a\r\nb\x1b[31mc\x00d\x7fe\x9bf\u2028g\u2029h\x85i"j\\k'


def a_record(**fields: Any) -> RequestRecord:
    given = {"method": "POST", "path": "/v1/chat/completions", "status": 200, "outcome": "finished", **fields}
    return RequestRecord("req_1", 0.0, **given)


def line(record: RequestRecord) -> bytes:
    return AccessLog(LineWriter(-1)).line(record)


def test_a_line_says_all_that_an_operator_asks() -> None:
    record = a_record(
        family="chat",
        operation="create",
        requested_model="alias",
        deployment="main",
        model="gpt-4o",
        provider="openai",
        plugin="llmgate-openai-chat",
        client="alice",
        stream=True,
        events=20,
        first_byte_seconds=0.1234,
        total_seconds=1.5,
        usage={"input_tokens": 2, "cache_creation_input_tokens": 10, "output_tokens": 5},
        cost=0.00125,
        ledger=(LedgerEntry("temperature", "dropped", "not taken", lossy=True),),
        upstream_request_id="req_up",
        upstream_status=200,
        traceparent="00-aa-bb-01",
    )
    found = json.loads(line(record))
    assert found.pop("time").endswith("Z")
    assert found == {
        "event": "request",
        "request_id": "req_1",
        "status": 200,
        "outcome": "finished",
        "method": "POST",
        "path": "/v1/chat/completions",
        "family": "chat",
        "operation": "create",
        "requested_model": "alias",
        "deployment": "main",
        "model": "gpt-4o",
        "provider": "openai",
        "plugin": "llmgate-openai-chat",
        "client": "alice",
        "stream": True,
        "events": 20,
        "first_byte_ms": 123.4,
        "total_ms": 1500.0,
        "input_tokens": 12,
        "output_tokens": 5,
        "cost_usd": 0.00125,
        "ledger": ["temperature dropped"],
        "upstream_request_id": "req_up",
        "upstream_status": 200,
        "traceparent": "00-aa-bb-01",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert set(json.loads(line(a_record(status=401, outcome="refused")))) == {
        "time", "event", "request_id", "status", "outcome", "method", "path"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["requested_model", "upstream_request_id", "error_code", "model", "traceparent"])
def test_a_line_stays_one_line_whatever_stands_in_a_name(name: str) -> None:
    record = a_record()
    setattr(record, name, ODD)
    if name == "model":
        record.deployment = "d"
    text = line(record)
    assert json.loads(text)[name] == ODD
    assert text.decode().splitlines() == [text.decode()[:-1]]
    assert not set(text) & (set(range(10)) | set(range(11, 32)) | {0x7F})
    assert b"\xc2\x9b" not in text


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/chat/completions", "/v1/v1/chat/completions"),
        ("/v1/responses/resp_1/input_items", "/v1/responses/*/input_items"),
        (f"/v1/{ODD}", "/v1/*"),
        ("/my-secret/", "/*/"),
        ("/metrics", "/metrics"),
    ],
    ids=str,
)
def test_a_part_of_a_path_that_no_route_has_is_a_star(path: str, shown: str) -> None:
    assert json.loads(line(a_record(path=path)))["path"] == shown


def test_a_change_is_logged_without_its_reason_and_without_a_name_that_no_operation_has() -> None:
    entries = [
        LedgerEntry("stop", "dropped", "'PRIVATE' is too long", "a page", lossy=True),
        LedgerEntry("PRIVATE", "dropped", "unknown", lossy=True),
        LedgerEntry("query PRIVATE", "dropped", "no such field", lossy=True),
        LedgerEntry("tools[0].PRIVATE", "renamed", "x"),
    ]
    shown = json.loads(line(a_record(ledger=entries)))["ledger"]
    assert shown == ["stop dropped [a page]", "(other) dropped", "query dropped", "tools renamed"]


def test_text_that_no_json_can_hold_is_replaced() -> None:
    found = json.loads(
        line(a_record(requested_model="\ud800x", error_code="\udfff", usage={"prompt_tokens": math.nan}))
    )
    assert (found["requested_model"], found["error_code"]) == ("?x", "?")
    assert "input_tokens" not in found


def test_long_names_are_cut() -> None:
    assert len(line(a_record(requested_model="m" * 1_000_000, path="/" + "p" * 1_000_000))) < 1500


def test_words_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    writer = LineWriter(str(tmp_path / "log"))
    AccessLog(writer, form="text").observe(a_record(requested_model="a b\n", total_seconds=0.5))
    writer.close()
    text = (tmp_path / "log").read_text()
    assert text.endswith('path=/v1/chat/completions requested_model="a b\\n" total_ms=500.0\n')


def test_lines_arrive_in_order_and_whole(tmp_path: Path) -> None:
    writer = LineWriter(str(tmp_path / "log"))
    for number in range(5000):
        writer.write(b"%d\n" % number)
    assert writer.flush(5)
    assert (tmp_path / "log").read_bytes() == b"".join(b"%d\n" % number for number in range(5000))
    writer.write(b"last\n")
    writer.close()
    assert (tmp_path / "log").read_bytes().endswith(b"4999\nlast\n")


def test_a_file_that_was_rotated_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    writer = LineWriter(str(path))
    writer.write(b"one\n")
    assert writer.flush(5)
    path.rename(tmp_path / "old")
    writer.reopen()
    writer.write(b"two\n")
    writer.close()
    assert ((tmp_path / "old").read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")


def test_a_reader_that_has_gone_is_counted_and_fails_nothing() -> None:
    reader, place = os.pipe()
    os.close(reader)
    lost: list[int] = []
    writer = LineWriter(place, lost=lost.append)
    for _ in range(3):
        writer.write(b"line\n")
    writer.close()
    os.close(place)
    assert sum(lost) == 3


def test_a_full_disk_is_counted_and_fails_nothing() -> None:
    place = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError) as caught:  # noqa: PT011
        os.write(place, b"x")
    assert caught.value.errno == errno.ENOSPC
    lost: list[int] = []
    writer = LineWriter(place, lost=lost.append)
    writer.write(b"line\n")
    writer.close()
    os.close(place)
    assert sum(lost) == 1


def test_a_reader_that_does_not_read_holds_nobody_up() -> None:
    reader, place = os.pipe()
    lost: list[int] = []
    writer = LineWriter(place, lost=lost.append)
    for _ in range(MAX_LINES + 5000):
        writer.write(b"x" * 100 + b"\n")
    assert sum(lost) > 0
    assert not writer.flush(0.05)
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(reader, 1 << 20), b"")])
    drain.start()
    assert writer.flush(10)
    writer.close()
    os.close(place)
    drain.join(5)
    os.close(reader)


def test_a_file_is_not_closed_under_a_thread_that_still_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write, entered, go_on = tmp_path / "log", os.write, threading.Event(), threading.Event()
    found: list[int] = []

    def slow(descriptor: int, data: bytes) -> int:
        found.append(descriptor)
        entered.set()
        assert go_on.wait(10)
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", slow)
    writer = LineWriter(str(path))
    writer.write(b"late\n")
    assert entered.wait(5)
    writer.close(0.01)
    assert os.fstat(found[0]).st_ino == path.stat().st_ino  # still ours
    thread = writer._thread
    assert thread is not None
    go_on.set()
    thread.join(10)  # closes it by itself
    assert path.read_bytes() == b"late\n"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(found[0])


def test_the_user_of_a_request_is_written_only_where_the_config_says_so() -> None:
    record = a_record(user="alice@example.com")
    assert "alice" not in line(record).decode()
    written = AccessLog(LineWriter(1), shows_user=True).line(record)
    assert json.loads(written)["user"] == "alice@example.com"
