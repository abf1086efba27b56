"""Our signatures are those of botocore, whatever the path, the query, the headers and the body."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from llmgate_bedrock.sigv4 import AccessKeys, Scope, signed

from llmgate_core.plugin import Secret, UpstreamRequest
from tests.support.examples import examples

NOW = 1_790_000_000.0
KEY_ID, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEBc=/+"
ARN = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc123"


class FrozenSigV4(SigV4Auth):
    """Botocore's signer at a fixed time: all else is its own."""

    def add_auth(self, request: AWSRequest) -> None:
        at = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        request.context["timestamp"] = at
        self._modify_request_before_signing(request)
        canonical = self.canonical_request(request)
        self._inject_signature_to_request(request, self.signature(self.string_to_sign(request, canonical), request))


def expected(method: str, url: str, headers: dict[str, str], body: bytes, token: str | None, scope: Scope) -> str:
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    FrozenSigV4(Credentials(KEY_ID, SECRET, token), scope.service, scope.region).add_auth(request)
    return str(request.headers["Authorization"])


def ours(method: str, url: str, headers: dict[str, str], body: Any, token: str | None, scope: Scope) -> dict[str, str]:
    keys = AccessKeys(Secret(KEY_ID), Secret(SECRET), None if token is None else Secret(token))
    request = UpstreamRequest(method, "/unused", body, headers=headers, url=url)
    return dict(signed(request, keys, scope, NOW).headers)


BEDROCK = Scope("bedrock", "us-east-1")
URLS = [
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse",
    f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{ARN}/converse-stream",
    "https://bedrock-runtime.us-east-1.amazonaws.com:443/",
    "https://bedrock-runtime.us-east-1.amazonaws.com",
    "http://127.0.0.1:8123/a/b/",
    "http://[::1]:8123/a/b",
    "https://h.example/a//b/./c/../d/",
    "https://h.example/..",
    "https://h.example/m?b=2&a=1&a=0&empty=&flag&z=%2F%20%C3%A9",
    "https://h.example/%E9%9B%AA/~tilde/(x)!*'",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("body", [b"", b'{"a": "\xe9\x9b\xaa"}'])
def test_known_urls_are_signed_as_botocore_does(url: str, token: str | None, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    assert ours("POST", url, headers, body, token, BEDROCK)["authorization"] == expected(
        "POST", url, headers, body, token, BEDROCK
    )


SEGMENTS = st.text(st.sampled_from("abcZ09-._~%:!$&'()*+,;=@"), max_size=12).map(lambda text: text.replace("%", "%25"))
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda segments: "/" + "/".join(segments))
WORDS = st.text(st.sampled_from("abz019-_.~"), min_size=1, max_size=6)
QUERIES = st.lists(st.tuples(WORDS, WORDS), max_size=4).map(lambda pairs: "&".join(f"{a}={b}" for a, b in pairs))
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20).map(str.strip)
HEADERS = st.dictionaries(st.sampled_from(["content-type", "x-amz-target", "x-amzn-bedrock-trace"]), VALUES, max_size=3)


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    PATHS,
    QUERIES,
    HEADERS,
    st.binary(max_size=60),
    st.none() | WORDS,
    st.sampled_from([BEDROCK, Scope("sts", "eu-west-1"), Scope("bedrock-mantle", "us-gov-west-1")]),
)
@examples(500)
def test_any_request_is_signed_as_botocore_does(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, token: str | None, scope: Scope
) -> None:
    headers = {name: value for name, value in headers.items() if name != "x-amzn-bedrock-trace"}
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{path}" + (f"?{query}" if query else "")
    got = ours(method, url, headers, body, token, scope)
    assert got["authorization"] == expected(method, url, headers, body, token, scope)
    assert got.get("x-amz-security-token") == token


def test_white_space_within_a_header_counts_once() -> None:
    headers = {"content-type": "application/json;   charset=utf-8", "x-amz-target": " a \t b "}
    assert ours("POST", URLS[0], headers, b"", None, BEDROCK)["authorization"] == expected(
        "POST", URLS[0], headers, b"", None, BEDROCK
    )


def test_other_headers_are_sent_and_are_not_part_of_the_signature() -> None:
    """A proxy may change them, and botocore leaves `user-agent` out for that reason."""
    url = URLS[0]
    plain = ours("POST", url, {"content-type": "a"}, b"", None, BEDROCK)
    more = ours("POST", url, {"content-type": "a", "user-agent": "x", "accept": "*/*"}, b"", None, BEDROCK)
    assert more["authorization"] == plain["authorization"]
    assert more["accept"] == "*/*"


def test_a_body_that_is_streamed_is_said_to_be_unsigned() -> None:
    headers = ours("POST", URLS[0], {}, object(), None, BEDROCK)
    assert headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


def test_nothing_that_is_shown_has_a_secret() -> None:
    keys = AccessKeys(Secret(KEY_ID), Secret(SECRET), Secret(TOKEN))
    assert SECRET not in repr(keys)
    assert TOKEN not in repr(keys)
