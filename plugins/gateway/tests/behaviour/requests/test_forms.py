"""Uploads: forms as they come, onto the disk, and up again: A53, rows R21 and S7."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import json
from typing import Any

import pytest
from llmgate_gateway.dialects.openai.errors import error_reply
from llmgate_gateway.http.multipart import Form, boundary_of, fields_as_body, read_form
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import RefusedError
from llmgate_gateway.telemetry.record import RequestRecord

from llmgate_core.testing import Answer

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt golden"
WHISPER = {"w": {"model": "openai/whisper-1", "info": {"mode": "audio_transcription"}}}


def parts_of(request: Any) -> dict[str, tuple[str | None, str, bytes]]:
    """Name -> file name, content type, bytes; as the upstream got it."""
    head = b"content-type: " + request["headers"]["content-type"].encode() + b"\r\n\r\n"
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request["body"])
    return {
        part.get_param("name", header="content-disposition"): (
            part.get_filename(),
            part.get_content_type(),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    }


def transcribe(gateway: Any, data: dict[str, Any], file: Any = ("speech.wav", WAV, "audio/wav")) -> Any:
    return gateway.http.post("/v1/audio/transcriptions", data=data, files={"file": file})


def test_a_file_goes_up_with_its_name_type_and_bytes_and_the_entrys_model(serve: Any, upstream: Any) -> None:
    gateway = serve(WHISPER)
    upstream.answers.append(Answer.json({"text": "hello"}))
    reply = transcribe(gateway, {"model": "w", "language": "en", "temperature": "0.2"})
    assert (reply.status_code, reply.json()) == (200, {"text": "hello"})
    assert upstream.received[0]["path"] == "/v1/audio/transcriptions"
    assert parts_of(upstream.received[0]) == {
        "model": (None, "text/plain", b"whisper-1"),
        "language": (None, "text/plain", b"en"),
        "temperature": (None, "text/plain", b"0.2"),
        "file": ("speech.wav", "audio/wav", WAV),
    }


def test_a_large_file_goes_up_whole_and_again_when_tried_again(serve: Any, upstream: Any) -> None:
    gateway = serve({"w": {**WHISPER["w"], "max_retries": 1}})
    upstream.answers += [Answer.json({"error": {"message": "x"}}, 503, retry_after="0.01"), Answer.json({"text": "ok"})]
    content = bytes(range(256)) * 20_000
    assert transcribe(gateway, {"model": "w"}, ("a.wav", content)).json() == {"text": "ok"}
    assert [parts_of(request)["file"][2] == content for request in upstream.received] == [True, True]


def test_text_formats_come_back_as_text(serve: Any, upstream: Any) -> None:
    gateway = serve(WHISPER)
    kinds = {}
    for form in ("text", "srt", "vtt"):
        upstream.answers.append(Answer(200, b"hello\n", {"content-type": "application/octet-stream"}))
        reply = transcribe(gateway, {"model": "w", "response_format": form})
        assert reply.content == b"hello\n"
        kinds[form] = reply.headers["content-type"]
    assert kinds == {
        "text": "text/plain; charset=utf-8",
        "srt": "text/plain; charset=utf-8",
        "vtt": "text/vtt; charset=utf-8",
    }


def test_a_transcription_streams(serve: Any, upstream: Any) -> None:
    gateway = serve({"w": {"model": "openai/gpt-4o-transcribe", "info": {"mode": "audio_transcription"}}})
    delta = {"type": "transcript.text.delta", "delta": "hel"}
    done = {"type": "transcript.text.done", "text": "hello"}
    upstream.answers.append(Answer.sse([delta, done], done=False))
    reply = transcribe(gateway, {"model": "w", "stream": "true"})
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    said = [json.loads(line.removeprefix("data: ")) for line in reply.text.split("\n") if line.startswith("data: ")]
    assert said == [delta, done]
    assert parts_of(upstream.received[0])["stream"][2] == b"true"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "C:\\x\\passwd"])
def test_only_the_last_part_of_a_file_name_goes_on(serve: Any, upstream: Any, name: str) -> None:
    gateway = serve(WHISPER)
    upstream.answers.append(Answer.json({"text": "x"}))
    assert transcribe(gateway, {"model": "w"}, (name, WAV)).status_code == 200
    assert parts_of(upstream.received[0])["file"][0] in ("passwd", "boot.ini")


@pytest.mark.parametrize("value", ["/etc/passwd", ["/etc/passwd"], "file:///etc/passwd", 7, True])
def test_a_path_in_a_json_body_is_never_opened(serve: Any, upstream: Any, value: Any) -> None:
    gateway = serve({"w": WHISPER["w"]["model"], "i": "openai/gpt-image-1", "v": "openai/sora-2"})
    replies = [
        gateway.post("/v1/audio/transcriptions", {"model": "w", "file": value}),
        gateway.post("/v1/audio/translations", {"model": "w", "file": value}),
        gateway.post("/v1/images/edits", {"model": "i", "prompt": "x", "image": value}),
        gateway.post("/v1/images/edits", {"model": "i", "prompt": "x", "image": [{"file_id": "f"}], "mask": value}),
        gateway.post("/v1/videos", {"model": "v", "prompt": "x", "input_reference": value}),
    ]
    assert [(reply.status_code, reply.json()["error"]["code"]) for reply in replies] == [(400, "invalid_file")] * 5
    assert upstream.received == []


def test_a_path_in_a_text_field_is_never_opened(serve: Any, upstream: Any) -> None:
    gateway = serve(WHISPER)
    reply = gateway.http.post("/v1/audio/transcriptions", files={"model": (None, "w"), "file": (None, "/etc/passwd")})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "file")
    assert upstream.received == []


def test_what_the_config_decides_cannot_be_set_in_a_form(serve: Any, upstream: Any) -> None:
    gateway = serve(WHISPER)
    for name in ("api_base", "api_key", "extra_headers[host]", "timeout", "litellm_x"):
        reply = transcribe(gateway, {"model": "w", name: "x"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "parameter_not_allowed")
    assert upstream.received == []


def test_a_form_above_the_limit_is_refused(serve: Any, upstream: Any) -> None:
    gateway = serve(WHISPER, general={"limits": {"max_body": 1_000_000}})
    assert transcribe(gateway, {"model": "w"}, ("a.wav", b"x" * 2_000_000)).status_code == 413
    assert upstream.received == []


FORM = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nw\r\n'
END = b"--b--\r\n"
BAD_FORMS = {
    "no end": FORM,
    "no part": b"nonsense",
    "no name": b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n" + END,
    "no disposition": b"--b\r\nx: y\r\n\r\nx\r\n" + END,
    "encoded": b'--b\r\ncontent-disposition: form-data; name="a"\r\ncontent-transfer-encoding: base64\r\n\r\neA==\r\n'
    + END,
    "odd name": b'--b\r\ncontent-disposition: form-data; name="a[b"\r\n\r\nx\r\n' + END,
    "empty name": b'--b\r\ncontent-disposition: form-data; name=""\r\n\r\nx\r\n' + END,
    "deep name": b'--b\r\ncontent-disposition: form-data; name="a[b][c][d][e][f]"\r\n\r\nx\r\n' + END,
    "long name": b'--b\r\ncontent-disposition: form-data; name="' + b"a" * 1000 + b'"\r\n\r\nx\r\n' + END,
    "no UTF-8": b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n\xff\r\n' + END,
    "many headers": b'--b\r\ncontent-disposition: form-data; name="a"\r\n' + b"x: y\r\n" * 50 + b"\r\nx\r\n" + END,
    "large header": b'--b\r\ncontent-disposition: form-data; name="a"\r\nx: ' + b"y" * 9000 + b"\r\n\r\nx\r\n" + END,
    "many parts": b"".join(b'--b\r\ncontent-disposition: form-data; name="a%d"\r\n\r\nx\r\n' % n for n in range(300))
    + END,
    "large field": b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n' + b"x" * 2_000_000 + b"\r\n" + END,
    "two shapes": b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n'
    b'--b\r\ncontent-disposition: form-data; name="a[b]"\r\n\r\nx\r\n' + END,
}


def test_a_bad_form_is_a_400_or_413_and_the_worker_serves_on(serve: Any, upstream: Any) -> None:
    gateway = serve(WHISPER)
    statuses = {}
    for name, form in BAD_FORMS.items():
        reply = gateway.post("/v1/audio/transcriptions", form, content_type="multipart/form-data; boundary=b")
        statuses[name] = reply.status_code
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}
    assert statuses == {name: 413 if name in ("many parts", "large field") else 400 for name in BAD_FORMS}
    assert upstream.received == []
    gateway.wait_idle()


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=" + b"b" * 8000,
        b"multipart/form-data; boundary=a\x00b",
        b"multipart/form-data; boundary=\xff",
    ],
)
def test_a_boundary_that_is_none_is_refused(kind: bytes) -> None:
    with pytest.raises(RefusedError):
        boundary_of(kind)


def test_other_content_types_have_no_boundary() -> None:
    assert [boundary_of(kind) for kind in (b"", b"application/json", b"multipart/mixed; boundary=b")] == [None] * 3


def test_names_with_brackets_are_lists_and_objects() -> None:
    fields = [
        ("a", "1"),
        ("l[]", "x"),
        ("l[]", "y"),
        ("o[k]", "v"),
        ("o[d][e]", "w"),
        ("r", "1"),
        ("r", "2"),
        ("o[l][]", "z"),
    ]
    assert fields_as_body(fields) == {
        "a": "1",
        "l": ["x", "y"],
        "o": {"k": "v", "d": {"e": "w"}, "l": ["z"]},
        "r": ["1", "2"],
    }


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_a_form_does_not_depend_on_how_its_bytes_are_cut(size: int) -> None:
    content = bytes(range(256)) * 8 + b"\r\n--not the boundary\r\n--b"
    whole = (
        b'--bound\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\xc3\xa9\r\n'
        b'--bound\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\nContent-Type: a/b\r\n\r\n'
        + content
        + b"\r\n--bound--\r\nepilogue"
    )
    blocks = [whole[at : at + size] for at in range(0, len(whole), size)]

    async def read() -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": blocks.pop(0), "more_body": bool(blocks)}

        async def send(message: Any) -> None: ...

        request = ClientRequest({"headers": []}, receive, send, RequestRecord("r", 0.0), error_reply)
        form = Form()
        await read_form(request, form, b"bound", 10_000_000)
        (name, model), (file_name, file) = form.fields
        assert (name, model, file_name) == ("model", "mé", "file")
        assert not isinstance(file, str)
        assert (file.filename, file.content_type, file.size) == ("a.bin", "a/b", len(content))
        with file.open() as first, file.open() as second:
            assert first.read(10) == content[:10]
            assert second.read() == content
            assert first.read() == content[10:]
        await form.aclose()

    asyncio.run(read())
