"""The rule of `waits.py`: no other module of the room waits by itself, and no result of a cancelled wait is lost."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import llmgate_core.transports
from llmgate_core.transports.waits import await_until

ROOM = Path(llmgate_core.transports.__file__).parent
MODULES = sorted(path for path in ROOM.rglob("*.py") if path.name != "waits.py")

BLOCKING = {
    *("accept", "connect", "do_handshake", "poll", "select", "sendall", "settimeout", "unwrap"),  # of sockets
    *("gather", "shield", "timeout", "wait_for", "run_in_executor"),  # of asyncio
    *("as_completed", "result_within"),  # of concurrent.futures
}
"""Methods that block, or that set or hide a time limit, wherever they are called."""

LOOP_METHODS = {"create_connection", "getaddrinfo", "sock_connect", "sock_recv", "sock_sendall", "start_tls"}
"""Methods of an event loop whose coroutines take no deadline; `await_until` gives them one."""


def calls_of(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names:
            yield node


def awaited(tree: ast.AST) -> Iterator[ast.expr]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Await))


def limited_names(tree: ast.AST) -> set[str]:
    """Return the variables that hold a coroutine with a deadline."""
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if isinstance(node.value.func, ast.Name) and node.value.func.id == "await_until"
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOM)))
def test_no_module_but_waits_waits_by_itself(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    blocking = [(call.lineno, ast.unparse(call.func)) for call in calls_of(tree, BLOCKING)]
    assert blocking == []
    limited = limited_names(tree)
    bare = [
        (value.lineno, ast.unparse(value))
        for value in awaited(tree)
        if not isinstance(value, ast.Call) and not (isinstance(value, ast.Name) and value.id in limited)
    ]
    if path.name == "quiet_logs.py":  # `quietly` wraps what `await_until` receives
        bare = [entry for entry in bare if entry[1] != "steps"]
    if path.name == "production.py":  # a plugin's own awaitable, in a task that the reader's deadline cancels
        bare = [entry for entry in bare if entry[1] != "value"]
    assert bare == []
    unlimited = [
        (value.lineno, ast.unparse(value))
        for value in awaited(tree)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in LOOP_METHODS
    ]
    assert unlimited == []


def test_a_result_that_comes_in_the_turn_of_a_cancellation_is_undone() -> None:
    undone: list[str] = []

    async def run() -> None:
        gate = asyncio.Event()

        async def steps() -> str:
            await gate.wait()
            return "a connection"

        waiting = asyncio.ensure_future(await_until(steps(), None, undone.append))
        await asyncio.sleep(0)  # the wait begins
        await asyncio.sleep(0)  # the steps begin
        gate.set()
        await asyncio.sleep(0)  # the steps end, and the wait is about to be resumed
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)

    asyncio.run(run())
    assert undone == ["a connection"]
