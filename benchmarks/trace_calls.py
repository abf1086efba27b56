"""Count the Python calls that one warm call makes in our own code, and how often it goes from room to room.

    python benchmarks/trace_calls.py            # figures
    python benchmarks/trace_calls.py --list     # each call, in order
    python benchmarks/trace_calls.py --check    # exit 1 if a limit is passed

A room is a folder of a package, or a module at its top. Libraries are left out. A coroutine or generator that continues
after a wait is counted separately, as a resumption: a reader need not follow it. Nothing is timed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import llmgate_core
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

MESSAGES = [{"role": "user", "content": "How many ships did the lighthouse keeper count?"}]
KEY = "sk-benchmark-0123456789"
GATEWAY_KEY = "sk-gateway-0123456789"
MODEL = "openai/gpt-4o"
HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1795514400, "model": "gpt-4o-2024-08-06"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Forty-two."}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 14, "completion_tokens": 4, "total_tokens": 18}
CHUNKS = [
    {**HEAD, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    for delta, reason in (({"role": "assistant", "content": "Forty"}, None), ({"content": "-two."}, None), ({}, "stop"))
]


INLINED = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})
"""Not calls since Python 3.12; left out on older versions too, so that the figures agree."""


class Limits(NamedTuple):
    """The most that a walk may take; None: no limit."""

    calls: int | None
    rooms: int | None
    switches: int | None


LIMITS = {
    "sync chat": Limits(130, 14, 45),
    "async stream of 3 chunks": Limits(None, None, None),
    "gateway request": Limits(200, None, None),
}


class Trace:
    """The calls of our code while `recording`, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []  # room/file:function
        self.resumptions = 0
        self._frames: set[FrameType] = set()  # of generators and coroutines that have started

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the calls of this thread."""
        sys.setprofile(self._note)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._frames.clear()

    @property
    def rooms(self) -> list[str]:
        """The room of each call."""
        return [call.partition("/")[0] for call in self.calls]

    def figures(self) -> dict[str, int]:
        """Return the counts by name."""
        files = [call.partition(":")[0] for call in self.calls]
        return {
            "calls": len(self.calls),
            "resumptions": self.resumptions,
            "files": len(set(files)),
            "file switches": _switches(files),
            "rooms": len(set(self.rooms)),
            "room switches": _switches(self.rooms),
        }

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or code.co_name in INLINED or (place := _place(code.co_filename)) is None:
            return
        if frame in self._frames:
            self.resumptions += 1
            return
        if code.co_flags & (0x20 | 0x80 | 0x200):  # generator, coroutine, asynchronous generator
            self._frames.add(frame)
        self.calls.append(f"{place}:{code.co_name}")


def _switches(places: list[str]) -> int:
    return sum(one != other for one, other in pairwise(places))


def _place(filename: str) -> str | None:
    """Return room and file of one of our modules, None for any other."""
    parts = list(Path(filename).parts)
    package = next((at for at, part in enumerate(parts) if part.startswith("llmgate_")), None)
    if package is None or parts[package + 1] == "testing":
        return None
    inside = parts[package + 1 :]
    room = inside[0] if len(inside) > 1 else inside[0].removesuffix(".py")
    return f"{parts[package]}.{room}/{'/'.join(inside)}"


def trace_sync(upstream: FakeUpstream) -> Trace:
    """Trace one synchronous chat call."""
    trace = Trace()
    with llmgate_core.Client(api_key=KEY, api_base=upstream.base_url) as client:
        for _ in range(3):
            client.completion(MODEL, MESSAGES)
        with trace.recording():
            client.completion(MODEL, MESSAGES)
    return trace


def trace_stream(upstream: FakeUpstream) -> Trace:
    """Trace one asynchronous stream of three chunks."""
    trace = Trace()

    async def read(client: llmgate_core.AsyncClient) -> None:
        async for _ in await client.completion(MODEL, MESSAGES, stream=True):
            pass

    async def main() -> None:
        async with llmgate_core.AsyncClient(api_key=KEY, api_base=upstream.base_url) as client:
            for _ in range(3):
                await read(client)
            with trace.recording():
                await read(client)

    asyncio.run(main())
    return trace


def trace_gateway(upstream: FakeUpstream) -> Trace:
    """Trace one chat request, from the ASGI app's call to its end; the server below is left out."""
    from llmgate_gateway import create_app, load_config_dict  # only this walk needs the gateway installed

    model = {"model_name": "plain", "params": {"model": MODEL, "api_key": KEY, "api_base": upstream.base_url}}
    app: Any = create_app(load_config_dict({"model_list": [model], "general_settings": {"master_key": GATEWAY_KEY}}))
    body = json.dumps({"model": "plain", "messages": MESSAGES}).encode()
    trace = Trace()

    async def main() -> None:
        for _ in range(3):
            await _ask(app, body)
        await asyncio.sleep(0)  # the last task of the request before ends here
        with trace.recording():
            await _ask(app, body)

    asyncio.run(main())
    return trace


async def _ask(app: Callable[..., Awaitable[None]], body: bytes) -> None:
    headers = [(b"authorization", f"Bearer {GATEWAY_KEY}".encode()), (b"content-type", b"application/json")]
    headers.append((b"content-length", str(len(body)).encode()))
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    path = "/v1/chat/completions"
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers}
    scope |= {"client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 4000)}
    requests = [{"type": "http.request", "body": body, "more_body": False}]
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return requests.pop() if requests else await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status", 200))

    await app(scope, receive, send)
    if set(statuses) != {200}:
        raise SystemExit(f"the gateway answered {statuses}")


def show(name: str, trace: Trace, *, listed: bool) -> bool:
    """Print the figures of a walk; return whether it keeps its limits."""
    figures = trace.figures()
    print(f"{name:26}" + ", ".join(f"{value} {what}" for what, value in figures.items()))
    if listed:
        print("\n".join(f"    {call}" for call in trace.calls))
    limits = LIMITS[name]
    wanted = {"calls": limits.calls, "rooms": limits.rooms, "room switches": limits.switches}
    over = {what: limit for what, limit in wanted.items() if limit is not None and figures[what] > limit}
    for what, limit in over.items():
        print(f"    {figures[what]} {what}: the limit is {limit}")
    return not over


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--list", action="store_true", help="print each call")
    parser.add_argument("--check", action="store_true", help="exit 1 if a limit is passed")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    passed = []
    with fake_upstream() as upstream:
        upstream.answers.extend(Answer.json({**HEAD, "choices": [CHOICE], "usage": USAGE}) for _ in range(4))
        passed.append(show("sync chat", trace_sync(upstream), listed=arguments.list))
        upstream.answers.extend(Answer.sse(CHUNKS) for _ in range(4))
        passed.append(show("async stream of 3 chunks", trace_stream(upstream), listed=arguments.list))
        upstream.answers.extend(Answer.json({**HEAD, "choices": [CHOICE], "usage": USAGE}) for _ in range(4))
        passed.append(show("gateway request", trace_gateway(upstream), listed=arguments.list))
    return int(arguments.check and not all(passed))


if __name__ == "__main__":
    sys.exit(main())
