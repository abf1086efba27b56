"""What the checks run on: one fake upstream, clients, and the reading half of llmgate without a socket.

The hooks of a plugin only transform data, so most checks need no connection: a call is prepared, and bytes that an
upstream might send are read by what reads a real answer. `ways.py` has the calls that go over a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

from llmgate_core.calls.answer_headers import in_our_names
from llmgate_core.calls.prepared import PreparedCall
from llmgate_core.calls.results import TypedReader
from llmgate_core.client.sync_client import Client
from llmgate_core.contract.upstream import UpstreamResponse
from llmgate_core.errors import LLMGateError
from llmgate_core.registry.provider_info import header_names
from llmgate_core.settings.settings import PluginPolicy, Settings
from llmgate_core.testing.conformance.check import NotApplicableError
from llmgate_core.testing.conformance.samples import Sample
from llmgate_core.testing.conformance.wire import Wire
from llmgate_core.testing.fake_upstream import FakeUpstream

__all__ = ["KEY", "PREFIX", "REQUEST_ID", "Bench", "Sent", "StreamRead", "sent_by"]

KEY = "sk-conformance-7Gq2Zr9VtLx4WmPd8KsNbQ3u"
PREFIX = "conformance"
REQUEST_ID = "req-conformance-1"
CALL_SECONDS = 30.0
END = object()
BOUNDARY = re.compile(rb"boundary=([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it would go over the wire; the boundary of a form is a fixed one."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    content: bytes

    def holds(self, mark: str) -> bool:
        """Return whether a string is in the path or in the body, in whatever way JSON or a form writes it."""
        from llmgate_core.json_codec import encode

        forms = {mark.encode(), encode(mark)[1:-1], mark.encode("ascii", "backslashreplace")}
        return any(form in self.content or form in self.target.encode() for form in forms)


@dataclass(slots=True)
class StreamRead:
    """A stream that was read: its chunks, what they add up to, and what ended it early."""

    chunks: list[Any] = field(default_factory=list)
    folded: Any = None
    usage: Any = None
    error: BaseException | None = None
    is_over: bool = False


def _required_options(plugin: Any) -> dict[str, str]:
    """Return a value for each option without which no call is sent. It may stand in a URL."""
    options = getattr(getattr(plugin, "info", None), "options", ())
    return {option.name: f"{option.name}_of_the_kit" for option in options if option.required}


class Bench:
    """What the checks of one class share. The upstream is started for the first check that sends something."""

    def __init__(
        self, plugin: Any, family: str, model: str, wire: Wire | None, options: Mapping[str, str] | None = None
    ) -> None:
        self._upstream: FakeUpstream | None = None
        self._client: Client | None = None
        self.plugin = self._kept_here(plugin)
        self.family = family
        self.model = f"{PREFIX}/{model}"
        self.wire = wire
        self.options = {**_required_options(plugin), **(options or {})}

    def _kept_here(self, plugin: Any) -> Any:
        """Return the plugin, its other hosts replaced by the fake upstream: nothing may leave this machine."""
        info: Any = getattr(plugin, "info", None)
        if not getattr(info, "hosts", ()):
            return plugin
        copied = copy(plugin)
        origin = f"http://127.0.0.1:{self.upstream.port}"
        copied.info = replace(info, hosts=tuple(origin for _ in info.hosts))
        return copied

    @property
    def upstream(self) -> FakeUpstream:
        """The fake upstream, without what was asked of it before."""
        if self._upstream is None:
            self._upstream = FakeUpstream()
        return self._upstream

    def fresh_upstream(self) -> FakeUpstream:
        """Return the upstream with nothing scripted and nothing received."""
        upstream = self.upstream
        upstream.answers.clear()
        upstream.received.clear()
        upstream.disconnected.clear()
        upstream.otherwise = None
        return upstream

    @property
    def client(self) -> Client:
        """A client whose calls go to the upstream, without retries."""
        if self._client is None:
            client = Client(**self.client_options())
            self._client = client
            self.equipped(client)
        return self._client

    def client_options(self, **options: Any) -> dict[str, Any]:
        """Return the arguments of a client whose calls go to the upstream."""
        ours = {
            "api_base": self.upstream.base_url,
            "api_key": KEY,
            "max_retries": 0,
            "timeout": CALL_SECONDS,
            "settings": Settings(),
            "plugins": PluginPolicy(allow=frozenset()),
        }
        return {**ours, **options}

    def equipped(self, client: Any, plugin: Any = None) -> Any:
        """Return a client that serves the plugin under the prefix of the checks."""
        client.add_plugin(self.plugin if plugin is None else plugin, family=self.family, prefix=PREFIX)
        return client

    def prepare(
        self, sample: Sample, *, model: str | None = None, stream: bool = False, family: str = "", **arguments: Any
    ) -> PreparedCall:
        """Return a call ready to be sent.

        Raises:
            LLMGateError: whatever can be known to be wrong before sending.
        """
        given = {**sample.arguments, **self.own_options(), **arguments}
        if stream:
            given["stream"] = True
        name = self.model if model is None else f"{PREFIX}/{model}"
        return self.client.prepare(family or self.family, name, dict(sample.inputs), given)

    def own_options(self) -> dict[str, Any]:
        """Return the option with what the plugin needs besides a key, if it needs any."""
        return {"provider_options": dict(self.options)} if self.options else {}

    def read(self, call: PreparedCall, content: bytes, status: int = 200, **headers: str) -> Any:
        """Return the canonical answer that an upstream's bytes are read as.

        Raises:
            LLMGateError: they are an error, or not an answer.
        """
        kind = {"content_type": "application/octet-stream"} if call.operation.is_binary else {}
        result = self._reader(call).result(self.response(content, status, **kind, **headers), 1)
        return (
            result.content
            if isinstance(getattr(result, "content", None), bytes)
            else result.model_dump(exclude_unset=True)
        )

    def read_stream(self, call: PreparedCall, blocks: Iterable[bytes], *, at_end: bool = True) -> StreamRead:
        """Return the chunks of a stream whose bytes come in these blocks, and what ended it.

        Args:
            call: the call, prepared as a stream.
            blocks: its bytes.
            at_end: the upstream closes the connection after them.
        """
        read = StreamRead()
        for _ in self._reading(read, call, blocks, at_end=at_end):
            pass
        return read

    def read_streams_by_turns(self, streams: Sequence[tuple[PreparedCall, Sequence[bytes]]]) -> list[StreamRead]:
        """Read several streams at the same time, a block of each by turns."""
        reads = [StreamRead() for _ in streams]
        waiting = [
            self._reading(read, call, blocks, at_end=True) for read, (call, blocks) in zip(reads, streams, strict=True)
        ]
        while waiting:
            waiting = [reading for reading in waiting if next(reading, END) is not END]
        return reads

    def _reading(
        self, read: StreamRead, call: PreparedCall, blocks: Iterable[bytes], *, at_end: bool
    ) -> Iterator[None]:
        """Read one stream into `read`, and pause after each block."""
        try:
            reader = self._reader(call).stream_reader(self.response(b""))
            try:
                for block in blocks:
                    self._take(reader.feed(block), read)
                    if reader.end.is_over:
                        break
                    yield
                else:
                    if at_end:
                        self._take(reader.close(), read)
            finally:
                read.folded, read.usage, read.is_over = reader.partial(), reader.usage, reader.end.is_over
        except Exception as error:  # noqa: BLE001  # what came out is what the checks judge
            read.error = error

    def _take(self, chunks: Iterable[Any], read: StreamRead) -> None:
        for chunk in chunks:
            read.chunks.append(chunk if isinstance(chunk, bytes) else chunk.model_dump(exclude_unset=True))

    def is_exchange(self, call: PreparedCall) -> bool:
        """Return whether the plugin makes several requests of a call."""
        exchange = call.target.plugin.exchange
        steps = None if exchange is None else exchange(call.upstream_call, call.route)
        if steps is not None:
            steps.close()
        return steps is not None

    def fetches_tokens(self, call: PreparedCall) -> bool:
        """Return whether the plugin fetches a token for a call; with other options the key may be enough."""
        plugin, credentials = call.target.plugin, call.credentials
        if plugin.credentials is None or credentials is None:
            return False
        steps = plugin.credentials(credentials.route)
        if steps is not None:
            steps.close()
        return steps is not None

    def error_of(self, call: PreparedCall, content: bytes, status: int, **headers: str) -> Any:
        """Return the error for an answer of status 300 and above.

        Raises:
            PluginError: the plugin's hook failed.
        """
        return self._reader(call).error_of(self.response(content, status, **headers))

    def response(self, content: bytes, status: int = 200, **headers: str) -> UpstreamResponse:
        """Return an upstream's response with its request id."""
        named = {"content-type": "application/json", self.request_id_header: REQUEST_ID}
        named |= {} if self.wire is None else self.wire.headers
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw_headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]
        return UpstreamResponse(status, in_our_names(raw_headers, header_names(self.plugin.info)), content)

    @property
    def request_id_header(self) -> str:
        """The response header with the provider's id of a request."""
        return str(self.plugin.info.request_id_header)

    def _reader(self, call: PreparedCall) -> TypedReader:
        return TypedReader(call, self.client.preparer.observers)

    def outcome(self, sample: Sample, **arguments: Any) -> tuple[Sent | None, LLMGateError | None]:
        """Return the request of a call, or the error before it is sent."""
        try:
            return sent_by(self.prepare(sample, **arguments)), None
        except LLMGateError as error:
            return None, error

    def close(self) -> None:
        """Close clients and upstream."""
        if self._client is not None:
            self._client.close()
        if self._upstream is not None:
            self._upstream.close()


def sent_by(call: PreparedCall) -> Sent:
    """Return the request of a prepared call as it would go over the wire."""
    if call.target.plugin.transform_request is None:
        raise NotApplicableError("the plugin answers in this process and sends no request")
    request = call.builder.transport_request(call.request)
    content = request.content if isinstance(request.content, bytes) else b"".join(request.content.blocks())
    headers: Sequence[tuple[str, str]] = request.headers
    for name, value in headers:
        if name.lower() == "content-type" and (found := BOUNDARY.search(value.encode())):
            content = content.replace(found[1], b"boundary")
    plain = tuple((name, BOUNDARY.sub(b"boundary=boundary", value.encode()).decode()) for name, value in headers)
    return Sent(request.method, request.target, plain, content)
