"""The app without our server: mounted, in process, reconfigured and drained: R32, R34."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from llmgate_gateway.app import Gateway, create_app
from llmgate_gateway.config import load_config_dict

from llmgate_core.testing import Answer

HI = [{"role": "user", "content": "hi"}]
ANSWER = Answer.json({"id": "x", "choices": []})
EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


def config_of(upstream: Any, model: str = "openai/gpt-4o", **general: Any) -> Any:
    params = {"model": model, "api_key": "sk-test", "api_base": upstream.base_url, "max_retries": 0}
    return load_config_dict({"model_list": [{"model_name": "m", "params": params}], "general_settings": general})


class Asked:
    """One request given to an app by hand."""

    def __init__(
        self, body: Any = None, path: str = "/v1/chat/completions", method: str = "POST", **scope: Any
    ) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers + scope.pop("headers", []),
            **scope,
        }
        self._inbox = [{"type": "http.request", "body": content, "more_body": False}]
        self.gone = asyncio.Event()
        self.first = asyncio.Event()
        self.sent: list[Any] = []

    async def receive(self) -> Any:
        if self._inbox:
            return self._inbox.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body":
            self.first.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    async def to(self, app: Callable[..., Awaitable[None]]) -> Asked:
        await app(self.scope, self.receive, self.send)
        return self


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(work())  # type: ignore[arg-type]


def test_it_serves_where_nothing_runs_its_lifespan_and_in_one_loop_after_another(upstream: Any) -> None:
    upstream.otherwise = ANSWER
    app = create_app(config_of(upstream))

    async def work() -> int:
        asked = await Asked({"model": "m", "messages": HI}).to(app)
        await app.aclose()
        return asked.status

    assert [run(work), run(work)] == [200, 200]


@pytest.mark.parametrize("strips_path", [True, False])
def test_it_mounts_under_a_prefix(upstream: Any, strips_path: bool) -> None:
    upstream.otherwise = ANSWER
    app = create_app(config_of(upstream))

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/gw") if strips_path else scope["path"]
        raw = path.encode() if strips_path else scope["raw_path"]
        await app({**scope, "root_path": "/gw", "path": path, "raw_path": raw}, receive, send)

    async def work() -> list[int]:
        paths = ["/gw/v1/chat/completions", "/gw/chat/completions"]
        statuses = [(await Asked({"model": "m", "messages": HI}, path).to(mounted)).status for path in paths]
        statuses.append((await Asked(None, "/gw/livez", "GET").to(mounted)).status)
        statuses.append((await Asked(None, "/gw/nowhere", "GET").to(mounted)).status)
        await app.aclose()
        return statuses

    assert run(work) == [200, 200, 200, 404]


def test_lifespan_starts_and_ends(upstream: Any) -> None:
    app = create_app(config_of(upstream))
    inbox = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        return inbox.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    run(lambda: app({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_websocket_is_closed(upstream: Any) -> None:
    app = create_app(config_of(upstream))
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    run(lambda: app({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_two_gateways_in_one_process_share_nothing(upstream: Any) -> None:
    upstream.otherwise = ANSWER
    first, second = create_app(config_of(upstream, master_key="sk-1")), create_app(config_of(upstream))

    async def work() -> list[int]:
        statuses = [(await Asked({"model": "m", "messages": HI}).to(app)).status for app in (first, second)]
        await first.aclose()
        await second.aclose()
        return statuses

    assert run(work) == [401, 200]


def test_a_request_under_way_keeps_the_config_that_it_began_with(upstream: Any) -> None:
    release = threading.Event()
    upstream.answers += [
        Answer(
            200,
            [EVENT, EVENT.replace(b"null", b"1"), b"data: [DONE]\n\n"],
            {"content-type": "text/event-stream"},
            hold=release,
            hold_at=1,
        ),
        ANSWER,
    ]
    app = create_app(config_of(upstream))
    old = app.snapshot

    async def work() -> None:
        streaming = Asked({"model": "m", "messages": HI, "stream": True})
        task = asyncio.create_task(streaming.to(app))
        await streaming.first.wait()
        app.reconfigure(config_of(upstream, "openai/gpt-4.1"))
        assert app.snapshot is not old
        fresh = await Asked({"model": "m", "messages": HI}).to(app)
        assert (fresh.status, old.users, old.is_closed) == (200, 1, False)
        release.set()
        await task
        assert streaming.status == 200
        assert streaming.body.endswith(b"data: [DONE]\n\n")
        await old.closed()
        await app.aclose()

    run(work)
    assert old.is_closed
    assert [request["json"]["model"] for request in upstream.received] == ["gpt-4o", "gpt-4.1"]


def test_a_config_that_does_not_bind_changes_nothing(upstream: Any) -> None:
    app = create_app(config_of(upstream))
    before = app.snapshot
    with pytest.raises(Exception, match="unheard"):
        app.reconfigure(config_of(upstream, "unheard-of/model"))
    assert app.snapshot is before


def streaming_upstream(upstream: Any) -> None:
    hold = threading.Event()
    upstream.otherwise = lambda request: Answer(
        200, [EVENT, EVENT], {"content-type": "text/event-stream"}, hold=hold, hold_at=1
    )


def test_a_drain_waits_and_then_tells_what_is_left(upstream: Any) -> None:
    streaming_upstream(upstream)
    app = create_app(config_of(upstream))

    async def work() -> tuple[bool, list[bytes], int]:
        asked = [Asked({"model": "m", "messages": HI, "stream": True}) for _ in range(3)]
        tasks = [asyncio.create_task(one.to(app)) for one in asked]
        for one in asked:
            await one.first.wait()
        done = await app.drain(0.1)
        await asyncio.gather(*tasks)
        ready = await Asked(None, "/readyz", "GET").to(app)
        await app.aclose()
        assert [one.sent[-1]["more_body"] for one in asked] == [False] * 3
        return done, [one.body for one in asked], ready.status

    done, bodies, ready = run(work)
    assert (done, ready) == (False, 503)
    for body in bodies:
        assert body.startswith(EVENT)
        error, end = body[len(EVENT) :].split(b"\n\n")[:2]
        assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "shutdown"
        assert end == b"data: [DONE]"
    upstream.wait_disconnect(count=3)


def test_a_drain_without_requests_is_done_at_once(upstream: Any) -> None:
    app = create_app(config_of(upstream))
    assert run(lambda: app.drain(30)) is True


def test_a_drain_ends_a_request_before_its_head_with_a_503(upstream: Any) -> None:
    upstream.otherwise = Answer(200, b"{}", hold=threading.Event())
    app = create_app(config_of(upstream))

    async def work() -> Asked:
        asked = Asked({"model": "m", "messages": HI})
        task = asyncio.create_task(asked.to(app))
        await asyncio.to_thread(upstream.wait_received, 1)
        await app.drain(0)
        await task
        await app.aclose()
        return asked

    asked = run(work)
    assert (asked.status, json.loads(asked.body)["error"]["code"]) == (503, "shutdown")


def test_a_callback_that_raises_neither_fails_a_request_nor_keeps_its_place(upstream: Any) -> None:
    upstream.otherwise = ANSWER

    def broken() -> None:
        raise ZeroDivisionError

    begun: list[int] = []
    app = create_app(config_of(upstream), on_begin=[broken, lambda: begun.append(1)])
    old = app.snapshot

    async def work() -> int:
        asked = await Asked({"model": "m", "messages": HI}).to(app)
        assert (app.in_flight, old.users, begun) == (0, 0, [1])
        app.reconfigure(config_of(upstream))
        assert old.is_closed
        assert await app.drain(30)
        await app.aclose()
        return asked.status

    assert run(work) == 200


def test_a_task_that_is_cancelled_by_its_owner_stays_cancelled(upstream: Any) -> None:
    streaming_upstream(upstream)
    app = create_app(config_of(upstream))

    async def work() -> None:
        asked = Asked({"model": "m", "messages": HI, "stream": True})
        task = asyncio.create_task(asked.to(app))
        await asked.first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await app.aclose()

    run(work)
    upstream.wait_disconnect()
    assert app.in_flight == 0


ORIGIN = (b"origin", b"https://app.example")
ASKS = (b"access-control-request-method", b"POST")


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        (None, (401, None)),
        (["https://app.example"], (204, b"https://app.example")),
        (["*"], (204, b"*")),
        (["https://b.example"], (401, None)),
    ],
)
def test_pages_of_the_configured_origins_may_call(
    upstream: Any, origins: Any, expected: tuple[int, bytes | None]
) -> None:
    cors = {} if origins is None else {"cors": {"allow_origins": origins}}
    app = create_app(config_of(upstream, master_key="sk-1", **cors))

    async def work() -> Asked:
        return await Asked(None, method="OPTIONS", headers=[ORIGIN, ASKS]).to(app)

    asked = run(work)
    headers = dict(asked.sent[0]["headers"])
    assert (asked.status, headers.get(b"access-control-allow-origin")) == expected


def test_an_answer_may_be_read_by_a_page_of_a_configured_origin(upstream: Any) -> None:
    app = create_app(config_of(upstream, cors={"allow_origins": ["https://app.example"]}))
    upstream.otherwise = ANSWER

    async def work() -> dict[bytes, bytes]:
        asked = await Asked({"model": "m", "messages": HI}, headers=[ORIGIN]).to(app)
        await app.aclose()
        return dict(asked.sent[0]["headers"])

    headers = run(work)
    assert headers[b"access-control-allow-origin"] == b"https://app.example"
    assert headers[b"vary"] == b"origin"


def test_the_type_of_the_app_is_public(upstream: Any) -> None:
    assert isinstance(create_app(config_of(upstream)), Gateway)
