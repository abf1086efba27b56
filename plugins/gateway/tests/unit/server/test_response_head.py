"""The head of a response: what frames its body, and what may not be in it."""

from __future__ import annotations

import pytest
from llmgate_gateway.server.response_head import read_framing, response_head


def test_what_frames_a_body_is_found_under_any_spelling() -> None:
    headers = [(b"Content-Length", b"12"), (b"CONNECTION", b"Keep-Alive, Close"), (b"x-a", b"b")]
    sent, length, closes = read_framing(headers)
    assert (length, closes) == (12, True)
    assert sent == [(b"content-length", b"12"), (b"connection", b"Keep-Alive, Close"), (b"x-a", b"b")]


def test_the_framing_of_the_server_is_not_the_apps() -> None:
    assert read_framing([(b"Transfer-Encoding", b"chunked"), (b"a", b"b")]) == ([(b"a", b"b")], None, False)
    assert read_framing([(b"connection", b"keep-alive"), (b"connection", b"close")]).closes


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\n", b"a\n", b"\x00", b"(", b"caf\xe9", b"A\tB"])
def test_a_name_is_a_token(name: bytes) -> None:
    with pytest.raises(ValueError, match="token"):
        read_framing([(b"content-length", b"1"), (name, b"value")])


@pytest.mark.parametrize("value", [b"\r", b"\n", b"a\r\nset-cookie: b", b"a\x00b", b"\x1b[2J", b"\x7f", b"\r\n"])
def test_a_value_cannot_end_its_line(value: bytes) -> None:
    with pytest.raises(ValueError, match="control byte"):
        response_head(200, [(b"a", b"b"), (b"x", value)])


def test_a_head_is_its_lines() -> None:
    headers = [(b"a", b"\tcaf\xe9 ~"), (b"empty", b"")]
    assert response_head(404, headers) == b"HTTP/1.1 404 Not Found\r\na: \tcaf\xe9 ~\r\nempty: \r\n\r\n"
    assert response_head(499, []) == b"HTTP/1.1 499 \r\n\r\n"
