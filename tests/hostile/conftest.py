"""What the hostile tests share: one way to call, over both wires, sync and async, and one check of every error."""

from __future__ import annotations

import contextlib
import socket
import zlib
from collections.abc import Iterator

import pytest

from tests.support.caller import (
    Caller,
    unset_environment,
)

CALLERS = ["sync-httpx", "sync-http1", "async-httpx", "async-http1"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test one of the callers, always the same one; with `--depth=full` all of them."""
    if "caller" in metafunc.fixturenames:
        place = zlib.crc32(metafunc.function.__qualname__.encode()) % len(CALLERS)
        full = metafunc.config.getoption("depth") == "full"
        metafunc.parametrize("caller", CALLERS if full else [CALLERS[place]], indirect=True)


@pytest.fixture
def caller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    unset_environment(monkeypatch)
    made = Caller(*request.param.split("-"))
    yield made
    made.close()


@pytest.fixture(params=CALLERS)
def any_caller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    """Each of the callers in turn, at every depth: where it matters most that the transports keep one rule."""
    unset_environment(monkeypatch)
    made = Caller(*request.param.split("-"))
    yield made
    made.close()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts no connection and refuses none: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
