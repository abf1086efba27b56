"""What may be given as a file, and the form that it becomes."""

from __future__ import annotations

import asyncio
import datetime
import enum
import gc
import io
import os
import random
import socket
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate_core.contract.form import FilePart, Multipart
from llmgate_core.errors import BadRequestError
from llmgate_core.files.form_content import FormContent, as_form
from llmgate_core.files.uploads import file_part
from tests.support.multipart_form import Part, read_form

WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)
PATIENCE = 10.0


def content_of(part: FilePart) -> bytes:
    with part.open() as file:
        return file.read()


def form_of(form: Multipart) -> list[Part]:
    content = FormContent(form)
    body = b"".join(content.blocks())
    assert len(body) == content.length
    return read_form(content.content_type, body)


def refusal(value: Any) -> BadRequestError:
    with pytest.raises(BadRequestError) as caught:
        file_part(value, param="file")
    error = caught.value
    assert (error.status_code, error.param, error.attempts) == (400, "file", 0)
    return error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "say hi.mp3"
    found.write_bytes(b"ID3 hello")
    return found


# What is a file


def test_every_form_of_a_file_is_taken(path: Path) -> None:
    with path.open("rb") as opened:
        for value in (path, str(path), opened, ("say hi.mp3", b"ID3 hello"), ("dir/say hi.mp3", path)):
            part = file_part(value, param="file")
            assert (part.filename, part.content_type, part.size) == ("say hi.mp3", "audio/mpeg", 9)
            assert [content_of(part), content_of(part)] == [b"ID3 hello", b"ID3 hello"]
            assert file_part(part, param="file") == part
        assert not opened.closed
    for content in (b"ID3 hello", bytearray(b"ID3 hello"), memoryview(b"ID3 hello")):
        part = file_part(content, param="file")
        assert (part.filename, part.content_type, content_of(part)) == ("upload.mp3", "audio/mpeg", b"ID3 hello")
    named = file_part(("a.wav", path, "audio/x-special; rate=8"), param="file")
    assert (named.filename, named.content_type) == ("a.wav", "audio/x-special; rate=8")
    renamed = file_part(("b.flac", named), param="file")
    assert (renamed.filename, renamed.content_type, renamed.size) == ("b.flac", "audio/flac", 9)


def test_an_open_file_is_sent_from_where_it_stands_and_may_be_read_at_once_by_several() -> None:
    file = io.BytesIO(b"skipped" + bytes(range(256)) * 1000)
    file.seek(7)
    part = file_part(("a.bin", file), param="file")
    assert part.size == 256_000
    with part.open() as one, part.open() as other:
        pieces = [(one.read(1000), other.read(1000)) for _ in range(256)]
    assert b"".join(a for a, _ in pieces) == b"".join(b for _, b in pieces) == bytes(range(256)) * 1000
    assert not file.closed


@pytest.mark.parametrize("size", [10, 3_000_000])  # in memory, and on the disk
def test_a_stream_that_cannot_seek_is_copied_once_and_read_many_times(size: int) -> None:
    sent = random.Random(1).randbytes(size)
    reading, writing = socket.socketpair()
    thread = threading.Thread(target=lambda: (writing.sendall(sent), writing.close()))
    thread.start()
    with reading, reading.makefile("rb") as stream:
        part = file_part(("a.bin", stream), param="file")
        assert not stream.closed
    thread.join(PATIENCE)
    assert (part.size, content_of(part) == sent, content_of(part) == sent) == (size, True, True)
    del part
    gc.collect()  # warns of a copy that was left open


@pytest.mark.parametrize(
    ("content", "filename", "content_type"),
    [
        (WAV, "upload.wav", "audio/wav"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "upload.webp", "image/webp"),
        (b"ID3\x04", "upload.mp3", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "upload.mp3", "audio/mpeg"),
        (b"OggS\0", "upload.ogg", "audio/ogg"),
        (b"fLaC\0", "upload.flac", "audio/flac"),
        (b"\x1aE\xdf\xa3\x01", "upload.webm", "audio/webm"),
        (b"\0\0\0\x20ftypM4A ", "upload.m4a", "audio/mp4"),
        (b"\0\0\0\x20ftypisom", "upload.mp4", "video/mp4"),
        (b"\x89PNG\r\n\x1a\n", "upload.png", "image/png"),
        (b"\xff\xd8\xff\xe0", "upload.jpeg", "image/jpeg"),
        (b"%PDF-1.7", "upload.pdf", "application/pdf"),
        (b"\xff\xfe text", "upload.bin", "application/octet-stream"),
        (b"????WAVE", "upload.bin", "application/octet-stream"),
        (b"x", "upload.bin", "application/octet-stream"),
    ],
)
def test_content_without_a_name_is_named_by_what_it_is(content: bytes, filename: str, content_type: str) -> None:
    for value in (content, io.BytesIO(content), (None, content), ("", content), ("dir/", content)):
        part = file_part(value, param="file")
        assert (part.filename, part.content_type) == (filename, content_type)


def test_a_name_without_extension_is_kept_and_its_type_is_told_by_the_content() -> None:
    part = file_part(("tmp8x", WAV), param="file")
    assert (part.filename, part.content_type) == ("tmp8x", "audio/wav")
    with tempfile.TemporaryFile() as unnamed:  # its name is a number
        unnamed.write(WAV)
        unnamed.seek(0)
        assert file_part(unnamed, param="file").filename == "upload.wav"


def test_only_the_last_part_of_a_path_is_sent() -> None:
    for name in ("/home/me/secret/a.wav", "C:\\Users\\me\\a.wav", "../../a.wav", "file\\mixed/a.wav"):
        assert file_part((name, WAV), param="file").filename == "a.wav"
    part = FilePart("/home/me/a.wav", "audio/wav", len(WAV), lambda: io.BytesIO(WAV))
    assert form_of(Multipart((), [("file", part)])) == [Part("file", WAV, "a.wav", "audio/wav")]


def test_a_path_is_found_again_from_another_directory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    part = file_part(path.name, param="file")
    monkeypatch.chdir("/")
    assert content_of(part) == b"ID3 hello"


def test_what_is_no_file_is_refused_with_the_way_out(path: Path, tmp_path: Path) -> None:
    with path.open(encoding="utf-8") as text:
        assert repr(str(path)) in str(refusal(text))
        assert "mode 'rb'" in str(refusal(text))
    assert refusal(io.StringIO("hi")).param == "file"
    assert "'no/such.wav'" in str(refusal("no/such.wav"))
    assert str(refusal(tmp_path)).startswith(f"{str(tmp_path)!r} is a directory")
    assert "embedded null" in str(refusal("a\0b"))
    assert "file name too long" in str(refusal("x" * 5000))
    assert len(str(refusal("x" * 5000))) < 400
    with path.open("rb") as closed:
        pass
    assert refusal(closed).param == "file"
    with (tmp_path / "out.wav").open("wb") as writable:
        assert "out.wav' cannot be read" in str(refusal(writable))
        assert "mode 'rb'" in str(refusal(writable))
    for value in (None, 7, [path], {"file": path}):
        assert str(refusal(value)).endswith(f"not {type(value).__name__}")
    for value in ((b"x",), ("a", b"x", None, {}), (7, b"x")):
        assert "(name, content, content_type)" in str(refusal(value))
    for content_type in ("audio", "a/b\r\nx: y", "a/ü", 7):
        assert "'audio/wav'" in str(refusal(("a.wav", WAV, content_type)))


def test_a_file_that_is_read_with_await_is_refused() -> None:
    class Upload:
        filename = "a.wav"

        async def read(self, size: int = -1) -> bytes:
            return b""

    assert str(refusal(Upload())).startswith("'Upload' has an async read()")


def test_what_holds_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    consumed = io.BytesIO(WAV)
    consumed.read()
    for value in (b"", tmp_path / "a.wav", consumed, ("a.wav", b"")):
        assert "seek(0)" in str(refusal(value))
    assert str(refusal(tmp_path / "a.wav")).startswith("'a.wav' is empty")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_by_its_path_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "pipe" in str(refusal(tmp_path / "pipe"))


# What is a form


def test_fields_are_written_as_the_wire_wants_them() -> None:
    class Format(str, enum.Enum):
        SRT = "srt"

    one, two = (file_part((name, WAV), param="image") for name in ("1.wav", "2.wav"))
    form = as_form(
        {
            "model": "whisper-1",
            "stream": True,
            "diarize": False,
            "temperature": 0,
            "top_p": 0.4,
            "prompt": "",
            "left_out": None,
            "response_format": Format.SRT,
            "day": datetime.date(2026, 1, 2),
            "include": ["logprobs", None, 7],
            "nested": [[1], {"a": 2}],
            "expires_after": {"anchor": "created_at", "seconds": 3600, "none": None},
            "file": one,
            "image": [one, two],
            "mask": [one],
        }
    )
    assert form.fields == [
        ("model", "whisper-1"),
        ("stream", "true"),
        ("diarize", "false"),
        ("temperature", "0"),
        ("top_p", "0.4"),
        ("prompt", ""),
        ("response_format", "srt"),
        ("day", "2026-01-02"),
        ("include[]", "logprobs"),
        ("include[]", "7"),
        ("nested[][]", "1"),
        ("nested[][a]", "2"),
        ("expires_after[anchor]", "created_at"),
        ("expires_after[seconds]", "3600"),
    ]
    assert form.files == [("file", one), ("image[]", one), ("image[]", two), ("mask", one)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes", [b"bytes"], {"a": object()}])
def test_a_value_that_has_no_form_is_refused_by_name(value: Any) -> None:
    with pytest.raises(BadRequestError, match=r"^temperature ") as caught:
        as_form({"temperature": value})
    assert (caught.value.param, caught.value.attempts) == ("temperature", 0)


def test_text_that_utf_8_cannot_write_is_refused_by_name() -> None:
    with pytest.raises(BadRequestError, match="prompt") as caught:
        FormContent(as_form({"prompt": ["a\ud800"]}))
    assert caught.value.param == "prompt"


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), st.lists(st.tuples(TEXTS, st.binary(min_size=1)), max_size=4))
def test_whatever_stands_in_a_form_is_read_back(fields: list[tuple[str, str]], files: list[tuple[str, bytes]]) -> None:
    parts = [(name, file_part(("a.wav", content), param="file")) for name, content in files]
    assert form_of(Multipart(fields, parts)) == [
        *(Part(escaped(name), value.encode()) for name, value in fields),
        *(Part(escaped(name), content, "a.wav", "audio/wav") for name, content in files),
    ]


def escaped(name: str) -> str:
    return "".join(f"%{ord(c):02X}" if c < " " or c in '"\x7f' else c for c in name)


def test_a_name_cannot_end_its_header() -> None:
    part = file_part(('a"; x="\r\nX-Evil: 1\r\n\r\nüß\ud800.wav', WAV), param="file")
    assert form_of(Multipart([('b"\n', "v")], [("file", part)])) == [
        Part("b%22%0A", b"v"),
        Part("file", WAV, "a%22; x=%22%0D%0AX-Evil: 1%0D%0A%0D%0Aüß?.wav", "audio/wav"),
    ]
    evil = FilePart("a.wav", "audio/wav\r\nX-Evil: 1", 4, lambda: io.BytesIO(b"RIFF"))
    with pytest.raises(BadRequestError):
        FormContent(Multipart((), [("file", evil)]))


def test_a_form_has_one_boundary_and_another_form_another() -> None:
    form = as_form({"model": "whisper-1", "file": file_part(WAV, param="file")})
    content = FormContent(form)
    assert b"".join(content.blocks()) == b"".join(content.blocks())
    assert content.content_type != FormContent(form).content_type
    assert repr(content) == f"FormContent({content.length} bytes)"


def big_form(size: int) -> FormContent:
    content = random.Random(size).randbytes(size)
    parts = [("file[]", file_part((name, content), param="file")) for name in ("a.bin", "b.bin")]
    return FormContent(Multipart([("text", "x" * size)], parts))


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 300_000])
def test_both_kinds_of_blocks_are_small_and_make_the_same_bytes(size: int) -> None:
    content = big_form(size)

    async def read() -> list[bytes]:
        return [block async for block in content.ablocks()]

    blocks, ablocks = list(content.blocks()), asyncio.run(read())
    assert b"".join(blocks) == b"".join(ablocks)
    assert len(b"".join(blocks)) == content.length
    assert 0 < min(map(len, blocks)) <= max(map(len, blocks)) <= 64 * 1024
    assert 0 < min(map(len, ablocks)) <= max(map(len, ablocks)) <= 256 * 1024
    parts = read_form(content.content_type, b"".join(blocks))
    assert [len(part.content) for part in parts] == [size] * 3
    if size == 1:
        assert len(blocks) == 1  # a small form goes out in one piece


# Files that change, and who closes them


def test_a_file_that_shrank_grew_or_went_is_an_error_that_names_it(path: Path) -> None:
    part = file_part(path, param="file")
    content = FormContent(Multipart((), [("file", part)]))
    for now, change in {b"ID3": "shorter", b"ID3 hello!": "longer"}.items():
        path.write_bytes(now)
        with pytest.raises(BadRequestError, match=rf"^'say hi.mp3' .*{change} than the 9 bytes") as caught:
            list(content.blocks())
        assert (caught.value.param, caught.value.status_code) == ("file", 400)
    path.unlink()
    with pytest.raises(BadRequestError, match="no such file or directory"):
        list(content.blocks())


def test_a_file_that_its_owner_closed_or_that_fails_is_an_error_that_names_it() -> None:
    file = io.BytesIO(WAV)
    content = FormContent(as_form({"file": file_part(("a.wav", file), param="file")}))
    file.close()
    with pytest.raises(BadRequestError, match=r"'a\.wav'"):
        list(content.blocks())

    def fail() -> Any:
        raise KeyError("anything")

    part = FilePart("a.wav", "audio/wav", 4, fail)
    with pytest.raises(BadRequestError, match=r"'a\.wav'.*'anything'") as caught:
        list(FormContent(Multipart((), [("file", part)])).blocks())
    assert isinstance(caught.value.__cause__, KeyError)


class Watched(io.BytesIO):
    """A file that can be made to wait."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.go = threading.Event()
        self.is_read = threading.Event()
        self.closed_by = threading.Event()

    def read(self, size: int | None = -1, /) -> bytes:
        self.is_read.set()
        assert self.go.wait(PATIENCE)
        return super().read(size)

    def close(self) -> None:
        super().close()
        self.closed_by.set()


def test_a_file_that_we_opened_is_closed_even_when_nobody_reads_it_to_its_end() -> None:
    opened: list[Watched] = []

    def opens() -> Any:
        opened.append(Watched(bytes(1_000_000)))
        opened[-1].go.set()
        return opened[-1]

    content = FormContent(Multipart((), [("file", FilePart("a.bin", "a/b", 1_000_000, opens))]))
    list(content.blocks())
    blocks = content.blocks()
    next(blocks)
    del blocks

    async def read_a_little() -> None:
        ablocks = content.ablocks()
        await anext(ablocks)
        await ablocks.aclose()

    asyncio.run(read_a_little())
    assert [file.closed for file in opened] == [True, True, True]


def test_a_slow_file_does_not_hold_up_the_loop_and_a_cancelled_read_closes_it_at_its_end() -> None:
    file = Watched(WAV)
    content = FormContent(Multipart((), [("file", FilePart("a.wav", "audio/wav", len(WAV), lambda: file))]))  # type: ignore[arg-type,return-value]

    async def scenario() -> None:
        ablocks = content.ablocks()
        reading = asyncio.ensure_future(anext(ablocks))
        await asyncio.to_thread(file.is_read.wait, PATIENCE)  # and the loop runs meanwhile
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await ablocks.aclose()
        assert not file.closed
        file.go.set()
        assert await asyncio.to_thread(file.closed_by.wait, PATIENCE)

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_block_that_was_taken_is_not_held_while_it_is_sent(kind: str) -> None:
    """Else a thousand uploads at a time hold each block three times."""
    data = b"x" * 2_000_000
    part = FilePart("a.wav", "audio/wav", len(data), lambda: io.BytesIO(data))
    content = FormContent(Multipart((), [("file", part)]))

    async def take_blocks() -> None:
        blocks: Any = content.blocks() if kind == "sync" else content.ablocks()
        tracemalloc.start()
        for _ in range(4):
            block = next(blocks) if kind == "sync" else await anext(blocks)
            size, ends = len(block), time.monotonic() + PATIENCE
            del block
            while any(trace.size >= size for trace in tracemalloc.take_snapshot().traces):
                assert time.monotonic() < ends
                await asyncio.sleep(0.01)  # the thread that has read the block may not have left its function yet

    try:
        asyncio.run(take_blocks())
    finally:
        tracemalloc.stop()
