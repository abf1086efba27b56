"""A parser with a decoder of frames of its own, and what core makes of one that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core import Client, Limits, Settings, errors
from llmgate_core.plugin import ProviderInfo, SSEEvent, UpstreamRequest, hookimpl
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.plugin_calls import ask

HI = [{"role": "user", "content": "hi"}]


class Records:
    """Each event is one byte of length and as many bytes of text; a length of 255 reports an error."""

    def __init__(self) -> None:
        self._waiting = b""

    def feed(self, block: bytes) -> list[SSEEvent]:
        events, self._waiting = [], self._waiting + block
        while self._waiting and len(self._waiting) > self._waiting[0]:
            size = self._waiting[0]
            if size == 254:
                raise ValueError("a record cannot have 254 bytes")
            events.append(SSEEvent(self._waiting[1 : size + 1].decode(), is_error=size == 5))
            self._waiting = self._waiting[size + 1 :]
        return events

    def close(self) -> list[SSEEvent]:
        if self._waiting:
            raise ValueError("it ended within a record")
        return []


class Parser:
    def __init__(self, framing: Any) -> None:
        self.framing = framing

    def feed(self, event: SSEEvent) -> list[dict[str, Any]]:
        reason = "stop" if event.data == "." else None
        return [{"choices": [{"delta": {"content": event.data}, "finish_reason": reason}]}]

    def close(self) -> list[dict[str, Any]]:
        return []


class Plugin:
    info = ProviderInfo(api=(1, 1), name="records", base_url="https://records.example", env_key_optional=True)

    def __init__(self, framing: Any = Records) -> None:
        self._framing = framing

    @hookimpl
    def transform_request(self) -> UpstreamRequest:
        return UpstreamRequest("POST", "/stream", {})

    @hookimpl
    def stream_parser(self) -> Parser:
        return Parser(self._framing())


def records(*texts: str) -> bytes:
    return b"".join(bytes([len(text)]) + text.encode() for text in texts)


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read(mode: str, upstream: FakeUpstream, body: bytes, plugin: Any = None, **more: Any) -> str:
    upstream.answers.append(Answer(200, [body], **more))
    plugin = plugin or Plugin()
    chunks = ask(mode, plugin, "records", model="records/m", api_base=upstream.origin, messages=HI, stream=True)
    return "".join(chunk.choices[0].delta.text for chunk in chunks)


@pytest.mark.parametrize("drip", [None, 1, 3])
def test_its_events_are_read_however_the_bytes_come(mode: str, upstream: FakeUpstream, drip: int | None) -> None:
    assert read(mode, upstream, records("{one", "two", "."), drip=drip) == "{onetwo."


def test_a_value_error_is_the_upstreams_fault_and_an_unfinished_record_a_cut_stream(
    mode: str, upstream: FakeUpstream
) -> None:
    with pytest.raises(errors.APIResponseValidationError, match="254 bytes"):
        read(mode, upstream, records("one", "x" * 254))
    with pytest.raises(errors.StreamTruncatedError, match="within a record"):
        read(mode, upstream, records("one", ".", "two")[:-1])
    with pytest.raises(errors.APIStatusError, match="error"):
        read(mode, upstream, records("one", "error"))


class Odd:
    """A decoder whose results are odd."""

    def __init__(self, fed: Any, closed: Any = ()) -> None:
        self._fed, self._closed = fed, closed

    def feed(self, block: bytes) -> Any:
        return returned(self._fed)

    def close(self) -> Any:
        return returned(self._closed)


def returned(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


ODD: dict[str, Any] = {
    "an unknown name": "xml",
    "a number": 5,
    "a class": Records,
    "an object": object(),
    "events None": Odd(None),
    "events text": Odd("ab"),
    "an event None": Odd([None]),
    "an event bytes": Odd([b"a"]),
    "an event of bytes": Odd([SSEEvent(b"a")]),  # type: ignore[arg-type]
    "an exception": Odd(KeyError("x")),
    "an odd last event": Odd([], [5]),
    "an exception at the end": Odd([], KeyError("x")),
}


@pytest.mark.parametrize("framing", ODD.values(), ids=ODD)
def test_an_odd_framing_or_decoder_is_a_plugin_error(mode: str, upstream: FakeUpstream, framing: Any) -> None:
    with pytest.raises(errors.PluginError) as caught:
        read(mode, upstream, records("one", "."), Plugin(lambda: framing))
    assert (caught.value.hook, caught.value.plugin) == ("stream_parser", "Plugin")


def test_what_waits_in_it_is_limited(upstream: FakeUpstream) -> None:
    upstream.answers += [Answer(200, [b"\xc8"] + [b"x" * 30] * 5), Answer(200, [records("x" * 150, ".")])]
    with Client(settings=Settings(), limits=Limits(event=100), max_retries=0) as client:
        client.add_plugin(Plugin(), family="chat", prefix="records")
        for _ in range(2):
            with pytest.raises(errors.APIResponseValidationError, match="exceeds 100 bytes"):
                list(client.completion("records/m", HI, api_base=upstream.origin, stream=True))
