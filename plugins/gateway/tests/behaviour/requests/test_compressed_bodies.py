"""Bodies that a client has compressed: read, up to the limit of what they become."""

from __future__ import annotations

import gzip
import importlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmgate_gateway.http.compression import TooLongError, decompressed
from llmgate_gateway.http.responses import RefusedError

from llmgate_core.testing import Answer
from tests.support.examples import examples
from tests.support.running_gateway import CHAT


def zstd() -> Any:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    pytest.skip("needs Python 3.14 or backports.zstd")


def compressed(encoding: str, content: bytes) -> bytes:
    return zstd().compress(content) if encoding == "zstd" else gzip.compress(content)


BOTH = pytest.mark.parametrize("encoding", ["gzip", "zstd"])


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "zstd"])
def test_a_compressed_body_goes_up_as_it_was(serve: Any, upstream: Any, encoding: str) -> None:
    upstream.answers.append(Answer.json({"id": "c", "choices": []}))
    body = json.dumps({**CHAT, "user": "é" * 5000}).encode()
    reply = serve().post("/v1/chat/completions", compressed(encoding, body), content_encoding=encoding)
    assert reply.status_code == 200, reply.text
    sent = upstream.received[0]
    assert (sent["json"]["user"], "content-encoding" in sent["headers"]) == ("é" * 5000, False)


@BOTH
@pytest.mark.parametrize("size", [2_000_000, 300_000_000])
def test_a_body_that_becomes_too_large_is_a_413(serve: Any, upstream: Any, encoding: str, size: int) -> None:
    gateway = serve(general={"limits": {"max_json_body": 1_000_000}})
    bomb = compressed(encoding, b" " * size)
    reply = gateway.post("/v1/chat/completions", bomb, content_encoding=encoding)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")
    assert upstream.received == []


@BOTH
@pytest.mark.parametrize("damage", ["empty", "cut", "other", "trailing"])
def test_a_damaged_body_is_a_400(serve: Any, upstream: Any, encoding: str, damage: str) -> None:
    whole = compressed(encoding, json.dumps(CHAT).encode())
    body = {"empty": b"", "cut": whole[:-9], "other": b"{}", "trailing": whole + b"garbage"}[damage]
    reply = serve().post("/v1/chat/completions", body, content_encoding=encoding)
    assert reply.status_code == 400
    assert upstream.received == []


@examples(150)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=3), st.integers(0, 4000))
def test_members_are_joined_and_the_limit_is_exact(members: list[bytes], limit: int) -> None:
    content = b"".join(members)
    body = b"".join(map(gzip.compress, members))
    if len(content) > limit:
        with pytest.raises(TooLongError):
            decompressed(body, "gzip", limit)
    else:
        assert decompressed(body, "gzip", limit) == content


@examples(150)
@given(st.binary(max_size=200), st.integers(0, 60))
def test_any_bytes_are_read_or_refused(garbage: bytes, cut: int) -> None:
    for body in (garbage, gzip.compress(garbage)[: -cut or None], zlib.compress(garbage)):
        try:
            assert decompressed(body, "gzip", 10_000) in (garbage, b"")
        except RefusedError as refusal:
            assert refusal.code == "invalid_content_encoding"  # noqa: PT017
