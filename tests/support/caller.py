"""One way to call `completion` in each way that a program may, and a check that holds for every error."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import pickle
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest

from llmgate_core import APIError, AsyncClient, Client, Limits, LLMGateError, Settings
from llmgate_core.testing import FakeUpstream

CANARY = "sk-canary-7Gq2Zr9VtLx4WmPd8KsNbQ3uYhE6"

HI = [{"role": "user", "content": "hi"}]

MODEL = "openai/gpt-4o"

EXCERPT_CHARACTERS = 2_300

SLICE_CHARACTERS = 12

FORMS = (
    CANARY,
    CANARY.upper(),
    CANARY.encode().hex(),
    base64.b64encode(CANARY.encode()).decode().rstrip("="),
    base64.b64encode(f"Bearer {CANARY}".encode()).decode()[12:-4],
    base64.urlsafe_b64encode(f":{CANARY}".encode()).decode()[4:-4],
)

PIECES = [form[at : at + SLICE_CHARACTERS] for form in FORMS for at in range(len(form) - SLICE_CHARACTERS + 1)]


def chat(content: str = "ok", **fields: Any) -> dict[str, Any]:
    """Return a whole chat answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **fields}


def chunk(content: str | None = None, finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return one chunk of a streamed chat answer."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **fields}


def text_of(chunks: list[Any]) -> str:
    return "".join(choice.delta.text or "" for piece in chunks for choice in piece.choices or () if choice.delta)


def partial_text(error: APIError) -> str:
    """Return the text of the answer so far that the error holds."""
    return str(error.partial["choices"][0]["message"]["content"])


class Caller:
    """Calls `completion` over one wire; its client and event loop live as long as the test."""

    def __init__(self, mode: str, transport: str) -> None:
        self.mode = mode
        self.transport = transport
        self.chunks: list[Any] = []  # of the last stream that was read
        self.seconds = 0.0  # that the last failure took
        self._clients: dict[Limits | None, Any] = {}
        self._loop = asyncio.new_event_loop() if mode == "async" else None

    def client(self, limits: Limits | None = None) -> Any:
        """Return the client, made on first use, one for each `limits`."""
        if limits not in self._clients:
            kind = Client if self._loop is None else AsyncClient
            self._clients[limits] = kind(settings=Settings(), transport=self.transport, limits=limits)
        return self._clients[limits]

    def complete(self, upstream: FakeUpstream | str, *, limits: Limits | None = None, **arguments: Any) -> Any:
        """Return what one call gives: an answer, or an open stream that iterates synchronously."""
        base_url = upstream if isinstance(upstream, str) else upstream.base_url
        options = {"model": MODEL, "messages": HI, "api_key": CANARY, "api_base": base_url, "max_retries": 0}
        result = self.await_(self.client(limits).completion(**{**options, **arguments}))
        return OpenStream(self, result) if arguments.get("stream") else result

    def read(self, upstream: FakeUpstream, **arguments: Any) -> list[Any]:
        """Return every chunk of one stream; `chunks` has those that came, also where it fails."""
        self.chunks = []
        with contextlib.closing(self.complete(upstream, stream=True, **arguments)) as stream:
            for piece in stream:
                self.chunks.append(piece)
        return self.chunks

    def failure(self, upstream: FakeUpstream | str, *, stream: bool = False, **arguments: Any) -> Any:
        """Return the error that one call ends in, after the checks that hold for every error."""
        error = self.unchecked_failure(upstream, stream=stream, **arguments)
        assert_clean(error)
        return error

    def unchecked_failure(self, upstream: FakeUpstream | str, *, stream: bool = False, **arguments: Any) -> Any:
        """Return the error that one call ends in, and note the seconds it took."""
        started = time.monotonic()
        try:
            self.read(upstream, **arguments) if stream else self.complete(upstream, **arguments)  # type: ignore[arg-type]
        except LLMGateError as error:
            self.seconds = time.monotonic() - started
            return error
        pytest.fail("the call did not fail")

    def await_(self, result: Any) -> Any:
        return result if self._loop is None else self._loop.run_until_complete(result)

    def wait_disconnect(self, upstream: FakeUpstream, within_seconds: float = 10.0) -> float:
        """As `FakeUpstream.wait_disconnect`, with the event loop turning meanwhile."""
        if self._loop is None:
            return upstream.wait_disconnect(within_seconds)
        waiting = self._loop.run_in_executor(None, upstream.wait_disconnect, within_seconds)
        return float(self._loop.run_until_complete(waiting))

    def turn(self) -> None:
        """Let the event loop do what it does between two calls of a real program."""
        if self._loop is not None:
            self._loop.run_until_complete(asyncio.sleep(0.05))

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def close(self) -> None:
        for client in self._clients.values():
            client.close() if self._loop is None else self.await_(client.aclose())
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


class OpenStream:
    """A stream of either kind, read synchronously."""

    def __init__(self, caller: Caller, stream: Any) -> None:
        self._caller = caller
        self.inner = stream

    def __iter__(self) -> OpenStream:
        return self

    def __next__(self) -> Any:
        if self._caller.mode == "sync":
            return next(self.inner)
        try:
            return self._caller.await_(self.inner.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self) -> None:
        self.inner.close() if self._caller.mode == "sync" else self._caller.await_(self.inner.aclose())


def assert_clean(error: LLMGateError, *, frames: bool = True) -> None:
    """Assert what holds for every error: no piece of the key anywhere, a short text, and that it can be pickled."""
    if isinstance(error, APIError):
        assert len(error.body or "") <= EXCERPT_CHARACTERS
    assert len(str(error)) <= EXCERPT_CHARACTERS
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
    shown = {"pickle": pickle.dumps(error).decode("latin-1")}
    for number, link in enumerate(chain_of(error)):
        shown[f"{number} {type(link).__name__}"] = f"{link!r} {link} {vars(link)}"
        shown.update(frames_of(link.__traceback__, f"{number} ") if frames else {})
    assert {place: piece for place, text in shown.items() for piece in PIECES if piece in text} == {}


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and its causes and contexts, each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        link = waiting.pop()
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [deeper for deeper in (link.__cause__, link.__context__) if deeper is not None]


def frames_of(traceback: TracebackType | None, prefix: str) -> dict[str, str]:
    """Return the locals of every frame, as a crash report shows them; not those of the tests, which hold the key."""
    shown = {}
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if "/tests/" not in code.co_filename:
            place = f"{prefix}{code.co_filename}:{traceback.tb_lineno}"
            shown[place] = repr({name: shortened(value) for name, value in traceback.tb_frame.f_locals.items()})
        traceback = traceback.tb_next
    return shown


def shortened(value: object) -> object:
    """Return `value`, or the start of one whose text would take seconds to make."""
    if isinstance(value, list):
        return [shortened(item) for item in value[:50]]
    return value[:100_000] if isinstance(value, (bytes, bytearray, str)) else value


def unset_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_ORGANIZATION", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
