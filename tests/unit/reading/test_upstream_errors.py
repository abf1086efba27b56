"""Error bodies of every shape: the message that a person needs, never the client's input."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.errors import APIError
from llmgate_core.reading.upstream_errors import error_of_object, error_of_status, error_reported_by
from llmgate_core.secrets import Secret
from tests.support.examples import examples

KEY = Secret("sk-canary-7Gq2Zr9VtLx4WmPd8KsNbQ3uYhE6")
PROBLEMS = [
    {"type": "missing", "loc": ["body", "messages"], "msg": "Field required", "input": {"p": "PRIVATE"}},
    {"loc": ["body", "n", 0], "msg": "too large", "input": "PRIVATE"},
]


def made(body: bytes | Any, content_type: str = "application/json", status: int = 503) -> APIError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_of_status(UpstreamResponse(status, [(b"content-type", content_type.encode())], content), (KEY,))


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "no", "code": "c"}}, "no", "c"),
        ([{"error": {"message": "quota", "code": 429, "status": "RESOURCE_EXHAUSTED"}}], "quota", "429"),
        ({"error": "no"}, "no", None),
        ({"error": "Bad Request", "message": ["a is wrong", "b is wrong"]}, "a is wrong; b is wrong", None),
        ({"error": {"error": {"message": "deep", "code": "c"}}}, "deep", "c"),
        ({"error": ["first", "second"]}, "first; second", None),
        ({"detail": "not here"}, "not here", None),
        ({"detail": PROBLEMS}, "messages: Field required; n.0: too large", None),
        ({"errors": [{"message": "a"}, {"message": "b"}]}, "a; b", None),
        ({"object": "error", "message": "flat", "code": 40303}, "flat", "40303"),
        ({"msg": "short"}, "short", None),
        ({"errors": [{"message": "a", "code": "c"}]}, "a", "c"),
        ({"success": False, "errors": [{"code": 10000, "message": "a"}], "messages": []}, "a", "10000"),
        ({"errors": [{"status": "400", "title": "Bad", "detail": "a is wrong", "code": "c"}]}, "a is wrong", "c"),
        ({"type": "about:blank", "title": "Bad", "status": 400}, "Bad", None),
        ({"error_code": 17, "error_msg": "daily limit"}, "daily limit", None),
        ({"error": {"message": '{"error": {"message": "deep", "code": "c"}}'}}, "deep", None),
        ({"error": {"message": "[a] is wrong"}}, "[a] is wrong", None),
        ({"error": {"message": "Provider error", "metadata": {"raw": "down"}}}, "Provider error: down", None),
        (
            {"error": {"message": "Busy", "code": 429, "metadata": {"raw": '{"error": {"message": "slow"}}'}}},
            "Busy: slow",
            "429",
        ),
        ("as a JSON string", "as a JSON string", None),
    ],
)
def test_the_message_of_a_document(body: Any, message: str, code: str | None) -> None:
    error = made(body)
    assert (error.message, error.code) == (message, code)


def test_plain_text_is_the_message_in_one_line_cut_and_masked() -> None:
    assert made(b"no healthy\r\n  upstream\n", "text/plain").message == "no healthy upstream"
    assert made(b"no healthy upstream", "application/json").message == "no healthy upstream"
    assert len(made(b"word " * 2_000, "text/plain").message) <= 500
    assert KEY.reveal() not in made(f"bad key {KEY.reveal()}".encode(), "text/plain").message


@pytest.mark.parametrize("body", [b"<html>oops</html>", b"", b"\xff\xfe\x00", b"{cut", b"a\x1b[31mb"])
def test_what_no_person_wrote_is_the_status_and_an_excerpt(body: bytes) -> None:
    assert made(body).message.startswith("HTTP 503")


def test_a_byte_order_mark_hides_no_message() -> None:
    assert made(b'\xef\xbb\xbf{"error": {"message": "no"}}').message == "no"


NAMES = ["error", "detail", "errors", "message", "msg", "loc", "code", "type", "param", "choices", "raw", "metadata"]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@examples(1_000)
@given(JUNK)
def test_any_document_makes_an_error(body: Any) -> None:
    assert made(body).message
    assert error_of_object(body).message
    error_reported_by(body)
