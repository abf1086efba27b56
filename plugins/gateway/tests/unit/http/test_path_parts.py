"""Whatever a client writes into a path, no kind of server reads a step up the tree from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llmgate_gateway.http.path_parts import decode_part, plain_part

from tests.support.examples import examples

OVERLONG = {b"\xc0\xae": b".", b"\xc0\xaf": b"/", b"\xe0\x80\xae": b".", b"\xc1\x9c": b"\\"}


def of_nginx(path: str) -> str:
    """Decode once, then merge slashes."""
    return re.sub("/+", "/", unquote(path))


def of_tomcat(path: str) -> str:
    """Cut the parameters of each part, then decode."""
    return unquote("/".join(part.partition(";")[0] for part in path.split("/")))


def of_spring(path: str) -> str:
    """Decode, then cut the parameters of each part."""
    return "/".join(part.partition(";")[0] for part in unquote(path).split("/"))


def of_iis(path: str) -> str:
    """Decode twice, take backslashes for slashes, strip dots and blanks at the end of a name."""
    parts = unquote(unquote(path)).replace("\\", "/").split("/")
    return "/".join(part.rstrip(" .") if part.strip(" .") else part for part in parts)


def of_lenient_utf8(path: str) -> str:
    content = unquote_to_bytes(path)
    for long, short in OVERLONG.items():
        content = content.replace(long, short)
    return content.decode("utf-8", "replace")


def of_a_chain(path: str) -> str:
    """Three proxies in a row decode, the last cuts parameters and takes backslashes for slashes."""
    return of_spring(unquote(unquote(path)).replace("\\", "/"))


SERVERS: list[Callable[[str], str]] = [of_nginx, of_tomcat, of_spring, of_iis, of_lenient_utf8, of_a_chain]
PIECES = [
    *(
        "..",
        ".",
        "/",
        "\\",
        ";",
        "%",
        "a",
        "file-1",
        " ",
        "x=y",
        "\x00",
        "\n",
        "\u202e",
        "\uff0e",
        "\uff0e\uff0e",
        "\uff0f",
        "\u2025",
    ),
    *("%2e", "%2E", "%2f", "%5c", "%3b", "%25", "%252e", "%25252e", "%00", "%c0%ae", "%c0%af", "%e0%80%ae", "%ff"),
]


@examples(2000)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join))
def test_no_server_reads_a_step_up_the_tree(written: str) -> None:
    decoded, plain = decode_part(written), plain_part(written)
    if decoded is None:
        assert plain is None
        return
    for server in SERVERS:
        read = server(f"/v1/files/{quote(decoded, safe='')}/content")
        assert not [part for part in read.split("/")[1:] if part.strip(" .") == ""], (server.__name__, read)
        assert read.startswith("/v1/files/")
        assert read.endswith("/content")
        assert plain is None or read.count("/") == 4


@examples(500)
@given(st.text(max_size=20))
def test_what_is_plain_is_one_part_and_stays_as_it_is(written: str) -> None:
    plain = plain_part(quote(written, safe=""))
    assert plain is None or plain == written
    assert plain is None or re.fullmatch(r"[A-Za-z0-9._~:-]+", plain)


@pytest.mark.parametrize(
    "written",
    [
        *("..", ".", "", "...", ". .", "..;", "..;x=y", ".;", ";x", "%2e%2e", "%2e%2e%3b", ".%2e;x"),
        *("..%5c..%5cmodels", "a%5cb", "%252e%252e", "%25252e", "a%25", "a%00", "a%0d", "%c0%ae%c0%ae", "%ff"),
        *("\uff0e\uff0e", "%EF%BC%8E%EF%BC%8E", "a%2f..", "a%2f", "..%252fa", "\u2025", "a\u202eb", "%20", "%20.%20"),
    ],
)
def test_what_no_part_may_be(written: str) -> None:
    assert decode_part(written) is None
    assert plain_part(written) is None


@pytest.mark.parametrize(
    ("written", "decoded"),
    [
        ("file-abc_1", "file-abc_1"),
        ("ft:gpt-4o:org::id", "ft:gpt-4o:org::id"),
        ("ft%3Agpt-4o", "ft:gpt-4o"),
        ("a;b", "a;b"),
        ("a..b", "a..b"),
        ("..a", "..a"),
        ("é", "é"),
        ("a%20b", "a b"),
    ],
)
def test_what_ids_are_made_of_passes(written: str, decoded: str) -> None:
    assert decode_part(written) == decoded


def test_names_of_models_hold_slashes_and_no_plain_part_does() -> None:
    for written in ("openai/gpt-4o", "openai%2Fgpt-4o"):
        assert decode_part(written) == "openai/gpt-4o"
        assert plain_part(written) is None
    assert decode_part("a%252fb") == "a%2fb"  # decoded once
    for written in ("a/../b", "a/..;/b", "a//b", "a/", "/a", "a/%2e/b"):
        assert decode_part(written) is None
