"""Forms that are broken, too much, or not what they seem: rows R21, S5 and S7."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.testing import Answer

END = b"--B--\r\n"
TYPE = "multipart/form-data; boundary=B"


def part(name: bytes, content: bytes, filename: bytes | None = None, more: bytes = b"") -> bytes:
    head = b'content-disposition: form-data; name="' + name + b'"'
    if filename is not None:
        head += b'; filename="' + filename + b'"'
    return b"--B\r\n" + head + more + b"\r\n\r\n" + content + b"\r\n"


GOOD = part(b"model", b"w") + part(b"file", b"RIFF", b"a.wav", b"\r\ncontent-type: audio/wav")
BAD = {
    "no last boundary": GOOD,
    "half a part": part(b"model", b"w")[:-2],
    "nothing": b"",
    "a boundary alone": b"--B\r\n",
    "10,000 parts": b"".join(part(b"a%d" % number, b"x") for number in range(10_000)) + GOOD + END,
    "10,000 headers": part(b"a", b"x", more=b"".join(b"\r\nx-%d: y" % number for number in range(10_000))) + GOOD + END,
    "a header of 1 MB": part(b"a", b"x", more=b"\r\nx: " + b"y" * 1_000_000) + GOOD + END,
    "a header without a colon": b"--B\r\nfoo\r\n\r\nx\r\n" + GOOD + END,
    "no disposition": b"--B\r\nfoo: bar\r\n\r\nx\r\n" + GOOD + END,
    "another disposition": b"--B\r\ncontent-disposition: attachment; name=a\r\n\r\nx\r\n" + GOOD + END,
    "base64": part(b"a", b"eA==", b"a", b"\r\ncontent-transfer-encoding: base64") + GOOD + END,
    "a field of 2 MB": part(b"prompt", b"x" * 2_000_000) + GOOD + END,
    "a name of 3 kB": part(b"n" * 3000, b"x") + GOOD + END,
    "a name that is no UTF-8": part(b"\xff", b"x") + GOOD + END,
    "a field that is no UTF-8": part(b"prompt", b"\xff\xfe") + GOOD + END,
    "a file name that is no UTF-8": part(b"a", b"x", b"\xff") + GOOD + END,
    "an empty name": part(b"", b"x") + GOOD + END,
    "a name of brackets": part(b"[]", b"x") + GOOD + END,
    "an open bracket": part(b"a[b", b"x") + GOOD + END,
    "a deep name": part(b"a" + b"[b]" * 1000, b"x") + GOOD + END,
    "a text and an object": part(b"a", b"x") + part(b"a[b]", b"x") + GOOD + END,
    "an object and a text": part(b"a[b]", b"x") + part(b"a", b"x") + GOOD + END,
    "a list and an object": part(b"a[]", b"x") + part(b"a[b]", b"x") + GOOD + END,
    "a path as the file": part(b"model", b"w") + part(b"file", b"/etc/passwd") + END,
    "the model as a file": part(b"model", b"w", b"m") + part(b"file", b"R", b"a.wav") + END,
    "two models": part(b"model", b"w") + GOOD + END,
    "a list of models": part(b"model[]", b"w") + part(b"file", b"R", b"a.wav") + END,
    "a file as the language": GOOD + part(b"language", b"en", b"l") + END,
    "a file as the prompt": GOOD + part(b"prompt", b"en", b"l") + END,
    "a file as stream": GOOD + part(b"stream", b"true", b"l") + END,
    "a temperature that is none": GOOD + part(b"temperature", b"NaN") + END,
    "a temperature of 5,000 digits": GOOD + part(b"temperature", b"9" * 5000) + END,
    "api_base": GOOD + part(b"api_base", b"http://evil") + END,
    "a list of api_base": GOOD + part(b"api_base[]", b"http://evil") + END,
    "an object of headers": GOOD + part(b"extra_headers[authorization]", b"x") + END,
    "litellm_": GOOD + part(b"litellm_params", b"x") + END,
    "a CR flood": b"\r" * 5_000_000 + END,
    "a flood of almost boundaries": part(b"file", b"\r\n--" * 1_000_000, b"a") + END,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_form_is_refused_in_little_memory(gateway: Any, upstream: Any, name: str) -> None:
    gateway.forget_peak()
    before = gateway.memory_kib()
    reply = gateway.ask("POST", "/v1/audio/transcriptions", BAD[name], content_type=TYPE)
    assert reply.status in (400, 413)
    assert reply.error["message"]
    assert len(reply.body) < 1000
    assert gateway.peak_kib() - before < 20_000
    assert upstream.received == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data; boundary=" + "b" * 8192, 400),
        ("multipart/form-data; boundary=" + "b" * 71, 400),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary="B "', 400),
        ("multipart/form-data; boundary=\xff", 400),
        ("multipart/form-data; " + 'a="\\' * 5000, 400),
        ("multipart/mixed; boundary=B", 415),
        ("multipart/form-data-x; boundary=B", 415),
        ("application/json, multipart/form-data; boundary=B", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/plain", 415),
        ("application/json; charset=utf-16", 415),
        ("application/json", 400),
        ("x" * 20_000, 415),
    ],
)
def test_a_content_type_that_is_no_forms_is_refused(gateway: Any, upstream: Any, kind: str, status: int) -> None:
    reply = gateway.ask("POST", "/v1/audio/transcriptions", GOOD + END, content_type=kind)
    assert (reply.status, reply.error["type"]) == (status, "invalid_request_error")
    assert upstream.received == []


def test_odd_but_clear_forms_are_served(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json({"text": "ok"})
    for content in (GOOD + END, GOOD + b"--B--", GOOD + END + b"an epilogue"):
        assert gateway.ask("POST", "/v1/audio/transcriptions", content, content_type=TYPE).status == 200
    nested = part(b"model", b"w") + part(
        b"file", b"--C\r\n\r\nx\r\n--C--", b"a", b"\r\ncontent-type: multipart/mixed; boundary=C"
    )
    assert gateway.ask("POST", "/v1/audio/transcriptions", nested + END, content_type=TYPE).status == 200
    assert b"--C\r\n\r\nx\r\n--C--" in upstream.received[-1]["body"]
    quoted = 'Multipart/Form-Data; Boundary="B"'
    assert gateway.ask("POST", "/v1/audio/transcriptions", GOOD + END, content_type=quoted).status == 200


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (b"../../etc/passwd", b'filename="passwd"'),
        (b"..\\..\\boot.ini", b'filename="boot.ini"'),
        (b"C:\\x\\y.wav", b'filename="y.wav"'),
        (b"/etc/passwd", b'filename="passwd"'),
        (b"a\nb.wav", b'filename="a%0Ab.wav"'),
        (b'a\\"b.wav', b'filename="a%22b.wav"'),
        (b"", b'filename="upload.bin"'),
        (b"a;b.wav", b'filename="a;b.wav"'),
    ],
)
def test_a_file_name_goes_on_as_its_last_part(gateway: Any, upstream: Any, name: bytes, sent: bytes) -> None:
    upstream.otherwise = Answer.json({"text": "ok"})
    content = part(b"model", b"w") + part(b"file", b"RIFF", name) + END
    assert gateway.ask("POST", "/v1/audio/transcriptions", content, content_type=TYPE).status == 200
    assert sent in upstream.received[0]["body"]
    assert upstream.received[0]["body"].count(b"filename=") == 1


def test_a_type_with_control_bytes_does_not_go_on(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json({"text": "ok"})
    for kind in (b"audio/wav\x01", b"nonsense", b"audio/wav; a=\xff"):
        content = part(b"model", b"w") + part(b"file", b"RIFF", b"a.wav", b"\r\ncontent-type: " + kind) + END
        if gateway.ask("POST", "/v1/audio/transcriptions", content, content_type=TYPE).status == 200:
            assert kind not in upstream.received[-1]["body"]


def test_an_upload_of_20_mb_is_not_held_in_memory(gateway: Any, upstream: Any) -> None:
    upstream.otherwise = Answer.json({"text": "ok"})
    gateway.forget_peak()
    before, descriptors = gateway.memory_kib(), gateway.descriptors()
    content = part(b"model", b"w") + part(b"file", b"x" * 18_000_000, b"a.wav") + END
    assert gateway.ask("POST", "/v1/audio/transcriptions", content, content_type=TYPE).status == 200
    assert len(upstream.received[0]["body"]) > 18_000_000
    assert gateway.peak_kib() - before < 8_000
    assert gateway.descriptors() <= descriptors + 1
