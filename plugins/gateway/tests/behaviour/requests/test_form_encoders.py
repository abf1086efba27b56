"""Forms as HTTP libraries and people really send them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from llmgate_gateway.http.disposition import part_names

from llmgate_core.testing import Answer
from tests.support.examples import examples
from tests.support.multipart_form import Part, read_form

SOUND = b"RIFF\x24\x00\x00\x00WAVEfmt golden"
SCRIBE = {"w": {"model": "openai/gpt-4o-transcribe", "info": {"mode": "audio_transcription"}}}
PICTURES = {"i": {"model": "openai/gpt-image-1", "info": {"mode": "image_generation"}}}
TYPE = "multipart/form-data; boundary=B"


def part(disposition: str, content: bytes, kind: str | None = None) -> bytes:
    head = f"--B\r\nContent-Disposition: form-data; {disposition}\r\n"
    return (head + (f"Content-Type: {kind}\r\n" if kind else "") + "\r\n").encode() + content + b"\r\n"


def field(name: str, value: str) -> bytes:
    return part(f'name="{name}"', value.encode())


def post(gateway: Any, path: str, *parts: bytes) -> Any:
    return gateway.post(path, b"".join(parts) + b"--B--\r\n", content_type=TYPE)


def transcribe(gateway: Any, upstream: Any, *parts: bytes, file: bytes | None = None) -> dict[str, Part]:
    upstream.answers.append(Answer.json({"text": "hello"}))
    reply = post(gateway, "/v1/audio/transcriptions", field("model", "w"), *parts, file or FILE)
    assert reply.status_code == 200, reply.text
    return received(upstream)


def received(upstream: Any) -> dict[str, Any]:
    request = upstream.received[-1]
    parts: dict[str, Any] = {}
    for one in read_form(request["headers"]["content-type"], request["body"]):
        parts.setdefault(one.name, []).append(one)
    return {name: found[0] if len(found) == 1 else found for name, found in parts.items()}


FILE = part('name="file"; filename="a.wav"', SOUND, "audio/wav")
"""As every library sends it."""


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("name=\"file\"; filename*=UTF-8''na%C3%AFve%20x.wav", "naïve x.wav"),
        ("name=\"file\"; filename*=utf-8'de'na%C3%AFve.wav", "naïve.wav"),
        ("name=\"file\"; filename*=iso-8859-1''na%EFve.wav", "naïve.wav"),
        ('name="file"; filename="na?ve.wav"; filename*=UTF-8\'\'na%C3%AFve.wav', "naïve.wav"),
        ('name="file"; filename*="UTF-8\'\'a.wav"', "a.wav"),
        ("name*=utf-8''file; filename*=utf-8''a.wav", "a.wav"),
        ("name=file; filename=a.wav", "a.wav"),
        ('name="file"; filename="a;b.wav"', "a;b.wav"),
        ('name="file"; filename="x; filename*=UTF-8\'\'evil.exe; .wav"', "x; filename*=UTF-8''evil.exe; .wav"),
        ("name=\"file\"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("name=\"file\"; filename*=UTF-8''%FF%FE", "upload.bin"),
        ('name="file"; filename*=nonsense', "upload.bin"),
    ],
)
def test_every_way_to_name_a_file_makes_it_one(serve: Any, upstream: Any, disposition: str, name: str) -> None:
    file = transcribe(serve(SCRIBE), upstream, file=part(disposition, SOUND, "audio/wav"))["file"]
    assert (file.filename, file.content) == (name, SOUND)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [("wav", "audio/wav"), ("WAV", "audio/wav"), ("webm", "audio/webm"), ("mp3", "audio/mpeg"), ("m4a", "audio/mp4")],
)
def test_a_file_without_a_type_has_the_type_of_its_suffix(serve: Any, upstream: Any, suffix: str, kind: str) -> None:
    file = transcribe(serve(SCRIBE), upstream, file=part(f'name="file"; filename="a.{suffix}"', SOUND))["file"]
    assert file.content_type == kind


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "1", "on", " true\t"])
def test_every_spelling_of_true_streams(serve: Any, upstream: Any, value: str) -> None:
    gateway = serve(SCRIBE)
    upstream.answers.append(Answer.sse([{"type": "transcript.text.done", "text": "hello"}], done=False))
    reply = post(gateway, "/v1/audio/transcriptions", field("model", "w"), field("stream", value), FILE)
    assert reply.headers["content-type"].startswith("text/event-stream"), reply.text
    assert received(upstream)["stream"].content == b"true"


@pytest.mark.parametrize("value", ["false", "False", "0", "off", "no"])
def test_every_spelling_of_false_does_not(serve: Any, upstream: Any, value: str) -> None:
    assert transcribe(serve(SCRIBE), upstream, field("stream", value))["stream"].content == b"false"


def test_a_field_without_a_value_is_not_sent_and_in_the_ledger(serve: Any, upstream: Any) -> None:
    gateway = serve(SCRIBE)
    names = ("stream", "temperature", "language", "prompt", "response_format", "include[]", "chunking_strategy")
    upstream.answers.append(Answer.json({"text": "hello"}))
    reply = post(gateway, "/v1/audio/transcriptions", field("model", "w"), *(field(name, "") for name in names), FILE)
    assert reply.status_code == 200, reply.text
    assert set(received(upstream)) == {"model", "file"}
    assert all(name.removesuffix("[]") in reply.headers["x-llmgate-ledger"] for name in names)


@pytest.mark.parametrize(
    ("name", "value"), [("stream", "maybe"), ("temperature", "warm"), ("temperature", "nan"), ("temperature", "1_0")]
)
def test_a_value_of_another_kind_is_a_400_that_names_the_field(
    serve: Any, upstream: Any, name: str, value: str
) -> None:
    reply = post(serve(SCRIBE), "/v1/audio/transcriptions", field("model", "w"), field(name, value), FILE)
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, name)
    assert upstream.received == []


@pytest.mark.parametrize("value", [".5", "0.50", "5e-1", "+0.5", " 0.5 "])
def test_numbers_are_read_as_people_write_them(serve: Any, upstream: Any, value: str) -> None:
    assert transcribe(serve(SCRIBE), upstream, field("temperature", value))["temperature"].content == b"0.5"


def test_a_list_may_be_one_field_several_or_json(serve: Any, upstream: Any) -> None:
    gateway = serve(SCRIBE)
    for fields in (
        [field("include", "logprobs")],
        [field("include[]", "logprobs")],
        [field("include", '["logprobs"]')],
    ):
        assert transcribe(gateway, upstream, *fields)["include[]"].content == b"logprobs"


def test_an_object_may_be_fields_or_json(serve: Any, upstream: Any) -> None:
    gateway = serve(SCRIBE)
    for fields in (
        [field("chunking_strategy[type]", "server_vad")],
        [field("chunking_strategy", '{"type":"server_vad"}')],
    ):
        sent = transcribe(gateway, upstream, *fields)
        assert [found.content for name, found in sent.items() if name.startswith("chunking")] == [b"server_vad"]


def test_a_list_of_one_file_is_a_file(serve: Any, upstream: Any) -> None:
    sent = transcribe(serve(SCRIBE), upstream, file=part('name="file[]"; filename="a.wav"', SOUND))
    assert sent["file"].content == SOUND


@pytest.mark.parametrize("files", [0, 2])
@pytest.mark.parametrize("name", ["file", "file[]"])
def test_no_file_and_two_files_are_named_in_words_of_http(serve: Any, upstream: Any, name: str, files: int) -> None:
    parts = [part(f'name="{name}"; filename="a.wav"', SOUND)] * files
    error = post(serve(SCRIBE), "/v1/audio/transcriptions", field("model", "w"), *parts).json()["error"]
    assert (error["param"], error["code"]) == ("file", "invalid_file")
    assert "path" not in error["message"]
    assert upstream.received == []


@pytest.mark.parametrize("image", ["image", "image[]"])
@pytest.mark.parametrize("mask", ["mask", "mask[]"])
def test_pictures_and_their_mask_may_be_lists(serve: Any, upstream: Any, image: str, mask: str) -> None:
    gateway = serve(PICTURES)
    upstream.answers.append(Answer.json({"created": 1, "data": []}))
    pictures = [
        part(f'name="{image}"; filename="a.png"', b"\x89PNG one"),
        part(f'name="{mask}"; filename="m.png"', b"m"),
    ]
    reply = post(gateway, "/v1/images/edits", field("model", "i"), field("prompt", "x"), field("n", "2"), *pictures)
    assert reply.status_code == 200, reply.text
    assert received(upstream)["mask"].content == b"m"


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_sends_a_form(serve: Any, upstream: Any, tmp_path: Path) -> None:
    gateway = serve(SCRIBE)
    upstream.answers.append(Answer.json({"text": "hello"}))
    sound = tmp_path / 'naïve "x".wav'
    sound.write_bytes(SOUND)
    quoted = str(sound).replace('"', '\\"')
    command = ["curl", "-sS", "-F", "model=w", "-F", "stream=False", "-F", f'file=@"{quoted}"']
    done = subprocess.run([*command, f"{gateway.base_url}/v1/audio/transcriptions"], capture_output=True, timeout=30)
    assert b"hello" in done.stdout, (done.stdout, done.stderr)
    assert received(upstream)["file"].filename.startswith("naïve")


def with_requests(url: str) -> str:
    data = {"model": "w", "stream": False, "temperature": 0.5, "include": ["logprobs"]}
    files = {"file": ("naïve.wav", SOUND)}
    return requests.post(url, data=data, files=files, timeout=30).text


def with_httpx(url: str) -> str:
    data = {"model": "w", "stream": False, "temperature": 0.5, "include[]": ["logprobs"]}
    return httpx.post(url, data=data, files={"file": ("naïve.wav", SOUND)}, trust_env=False).text


def with_aiohttp(url: str) -> str:
    async def send() -> str:
        form = aiohttp.FormData({"model": "w", "stream": "False", "temperature": "0.5", "include": "logprobs"})
        form.add_field("file", SOUND, filename="naïve.wav")
        async with aiohttp.ClientSession() as session, session.post(url, data=form) as reply:
            return await reply.text()

    return asyncio.run(send())


@pytest.mark.parametrize("send", [with_requests, with_httpx, with_aiohttp])
def test_a_form_of_a_library_arrives(serve: Any, upstream: Any, send: Callable[[str], str]) -> None:
    upstream.answers.append(Answer.json({"text": "hello"}))
    text = send(serve(SCRIBE).base_url + "/v1/audio/transcriptions")
    assert "hello" in text, text
    sent = received(upstream)
    assert unquote(sent["file"].filename) == "naïve.wav", "aiohttp sends it with escapes, and does not say so"
    assert sent["file"].content == SOUND
    assert {name: sent[name].content for name in ("stream", "temperature", "include[]")} == {
        "stream": b"false",
        "temperature": b"0.5",
        "include[]": b"logprobs",
    }


def _requests(name: str) -> str:
    """Return what urllib3 before 2 sends."""
    return f'filename="{name}"' if name.isascii() else f"filename*=utf-8''{quote(name)}"


ENCODERS: dict[str, Callable[[str], str]] = {
    "urllib3 1": _requests,
    "httpx, undici": lambda name: 'filename="' + name.replace('"', "%22") + '"',
    "curl": lambda name: 'filename="' + name.replace("\\", "\\\\").replace('"', '\\"') + '"',
    "aiohttp": lambda name: f"filename=\"{quote(name)}\"; filename*=utf-8''{quote(name)}",
    "RFC 5987 alone": lambda name: f"filename*=UTF-8'en'{quote(name, safe='')}",
}


@pytest.mark.parametrize("encoder", ENCODERS)
@examples(100)
@given(st.text(st.characters(blacklist_categories=["Cc", "Cs"], blacklist_characters='"\\/%'), min_size=1, max_size=20))
def test_a_file_name_is_read_as_it_was_meant(encoder: str, name: str) -> None:
    disposition = f'form-data; name="file"; {ENCODERS[encoder](name)}'
    field_name, filename = part_names(disposition.encode())
    assert field_name == b"file"
    assert filename is not None
    assert filename.decode() == name


@examples(200)
@given(st.binary(max_size=60))
def test_no_disposition_fails(content: bytes) -> None:
    for start in (b"", b"form-data;", b'form-data; name="a"; filename*='):
        part_names(start + content)
