"""Reading multipart forms: files come out byte for byte, and what is malformed is refused."""

from __future__ import annotations

import random

import pytest
from llmgate_local.child_http import RefusedError
from llmgate_local.form import MAX_HEAD_BYTES, MAX_PARTS, read_form

NO_FORM = "the body must be multipart/form-data with a boundary"
NO_END = "the body is cut short, or has more than 100 parts"
NO_HEAD = "the body has a part without a head"
NO_NAME = "the body has a part without a name"
KIND = "multipart/form-data; boundary=b"
MODEL = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper\r\n'


def part(value: bytes, head: bytes = b'content-disposition: form-data; name="file"; filename="a.wav"') -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"-b",
        b"\n--b--\n",
        b"\r\n--",
        b"a\r\n-b",
        bytes(range(256)) * 3,
        "é\u2028".encode(),
        random.Random(1).randbytes(10_000),
    ],
)
def test_a_file_comes_out_as_it_went_in(value: bytes) -> None:
    assert read_form(MODEL + part(value) + b"--b--\r\n", KIND) == ({"model": ["whisper"]}, [value])


def test_a_repeated_name_keeps_every_text_in_order() -> None:
    name = b'content-disposition: form-data; name="include[]"'
    content = part("ü\n語".encode(), b"Content-Disposition:form-data;name=prompt") + part(b"a", name) + part(b"b", name)
    assert read_form(content + b"--b--", KIND) == ({"prompt": ["ü\n語"], "include[]": ["a", "b"]}, [])


def test_what_stands_around_the_parts_is_no_part() -> None:
    content = b"preamble\r\n--b \t\r\n" + MODEL[5:] + b"--b--\r\nepilogue\r\n--b\r\n"
    assert read_form(content, 'multipart/form-data; charset=utf-8; boundary="b"') == ({"model": ["whisper"]}, [])


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"{}", "application/json", NO_FORM),
        (MODEL + b"--b--", "multipart/form-data", NO_FORM),
        (MODEL + b"--b--", "multipart/mixed; boundary=b", NO_FORM),
        (MODEL + b"--b--", "", NO_FORM),
        (b"", KIND, NO_END),
        (MODEL, KIND, NO_END),
        (MODEL + b"--b", KIND, NO_HEAD),
        (MODEL * (MAX_PARTS + 1) + b"--b--", KIND, NO_END),
        (b"--b\r\n" * 1_000_000 + b"--b--", KIND, NO_HEAD),
        (b"--bx\r\n\r\n\r\n--b--", KIND, NO_HEAD),
        (b"--b\r\nno blank line\r\n--b--", KIND, NO_HEAD),
        (part(b"", b"x: " + b"y" * MAX_HEAD_BYTES) + b"--b--", KIND, NO_HEAD),
        (part(b"", b"x: y") + b"--b--", KIND, NO_NAME),
        (part(b"", b"content-disposition: form-data") + b"--b--", KIND, NO_NAME),
        (
            part(b"", b"content-disposition: form-data; name*=u''a") + b"--b--",
            KIND,
            NO_NAME,
        ),
        (part(b"\xff", b"content-disposition: form-data; name=prompt") + b"--b--", KIND, "prompt is not UTF-8 text"),
    ],
)
def test_a_malformed_form_is_refused(content: bytes, kind: str, message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        read_form(content, kind)

    status, said, _ = caught.value.args
    assert (status, said) == (400, message)


def test_a_form_of_the_largest_size_is_read_in_a_moment_whatever_is_in_it() -> None:
    for filling in (b"\n", b"\r\n", b"\r\n--", b"-"):
        value = filling * (26 * 1024 * 1024 // len(filling))
        assert read_form(part(value) + b"--b--", KIND)[1] == [value]
