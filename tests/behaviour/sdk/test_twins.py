"""Each function and its asynchronous twin, from threads and event loops, and what type checkers see of them."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import llmgate_core
from llmgate_core.client import functions as api
from llmgate_core.testing import Answer, FakeUpstream, ReceivedRequest
from tests.support.sdk_calls import CALLS, OF_OTHER_PROVIDERS

WITHOUT_CALLS = ("fold_chunks", "model_facts", "supports")
"""Functions that call no upstream, and so have no asynchronous twin."""
PUBLIC = sorted(name for name in llmgate_core.__all__ if inspect.isfunction(getattr(llmgate_core, name)))
SYNC = [
    name
    for name in PUBLIC
    if not inspect.iscoroutinefunction(getattr(llmgate_core, name)) and name not in WITHOUT_CALLS
]
"""`fold_chunks` computes; it has nothing to wait for."""


def repeated(request: ReceivedRequest) -> Answer:
    """Answer with the question, so that answers and questions can be told to belong together."""
    content = request["json"]["messages"][0]["content"]
    return Answer.json({"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]})


def where(upstream: FakeUpstream) -> dict[str, str]:
    return {"api_base": upstream.base_url, "api_key": "sk-test-0123456789"}


async def closing(upstream: FakeUpstream, *questions: str) -> list[Any]:
    """Ask through the module's asynchronous function, then close this loop's connections."""
    calls = [
        llmgate_core.acompletion("gpt-4o", [{"role": "user", "content": question}], **where(upstream))
        for question in questions
    ]
    try:
        return [answer.choices[0].message.content for answer in await asyncio.gather(*calls)]
    finally:
        await api.default_async_client().aclose()


def test_every_public_sync_function_has_an_a_twin_of_the_same_parameters() -> None:
    assert sorted([*CALLS, *OF_OTHER_PROVIDERS]) == SYNC
    assert [name for name in PUBLIC if name not in SYNC] == [*(f"a{name}" for name in SYNC), *WITHOUT_CALLS]
    for name in SYNC:
        twin = getattr(llmgate_core, f"a{name}")
        assert inspect.iscoroutinefunction(twin)
        assert str(inspect.signature(twin)) == str(inspect.signature(getattr(llmgate_core, name)))


@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_a_client_has_every_function_of_the_module(name: str) -> None:
    assert [function for function in SYNC if not hasattr(getattr(llmgate_core, name), function)] == []


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_function_and_its_twin_send_and_return_the_same(name: str, upstream: FakeUpstream) -> None:
    values, answer = CALLS[name]
    upstream.answers += [answer] * 2

    async def run() -> Any:
        try:
            return await getattr(llmgate_core, f"a{name}")(*values, **where(upstream), user="u")
        finally:
            await api.default_async_client().aclose()

    sync = getattr(llmgate_core, name)(*values, **where(upstream), user="u")
    asynchronous = asyncio.run(run())
    assert getattr(sync, "content", sync) == getattr(asynchronous, "content", asynchronous)
    first, second = (without_boundary(request) for request in upstream.received)
    assert first == second


def without_boundary(request: ReceivedRequest) -> tuple[str, str, dict[str, str], bytes]:
    """Return what was sent, with a form's random boundary replaced."""
    headers, body = dict(request["headers"]), request["body"]
    _, marker, boundary = headers.get("content-type", "").partition("boundary=")
    if marker:
        headers["content-type"], body = "form", body.replace(boundary.encode(), b"B")
    return request["method"], request["path"], headers, body


def test_a_sync_call_then_an_async_one_then_a_sync_one(upstream: FakeUpstream) -> None:
    upstream.otherwise = repeated

    def ask(text: str) -> str | None:
        answer = llmgate_core.completion("gpt-4o", [{"role": "user", "content": text}], **where(upstream))
        return answer.choices[0].message.content

    assert ask("one") == "one"
    assert asyncio.run(closing(upstream, "two")) == ["two"]
    assert ask("three") == "three"


def test_one_event_loop_after_another(upstream: FakeUpstream) -> None:
    upstream.otherwise = repeated
    assert [asyncio.run(closing(upstream, f"{number}a", f"{number}b")) for number in range(3)] == [
        ["0a", "0b"],
        ["1a", "1b"],
        ["2a", "2b"],
    ]


LEFT_OPEN = """
import asyncio, os, warnings
warnings.simplefilter("error")
from llmgate_core import acompletion
messages = [{"role": "user", "content": "hi"}]
for _ in range(2):
    answer = asyncio.run(acompletion("gpt-4o", messages))
    print(answer.choices[0].message.content)
"""


def test_two_loops_whose_connections_nobody_closed_work_and_say_nothing(upstream: FakeUpstream) -> None:
    upstream.otherwise = repeated
    environment = {"OPENAI_BASE_URL": upstream.base_url, "OPENAI_API_KEY": "sk-x"}
    done = subprocess.run(
        [sys.executable, "-c", LEFT_OPEN], capture_output=True, text=True, timeout=60, env=environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "hi\nhi\n", "")


def test_sixteen_threads_share_the_module_functions(upstream: FakeUpstream) -> None:
    upstream.otherwise = repeated
    together = threading.Barrier(16)

    def ask(number: int) -> list[str | None]:
        together.wait(20)
        questions = [f"{number}.{turn}" for turn in range(4)]
        answers = [
            llmgate_core.completion("gpt-4o", [{"role": "user", "content": text}], **where(upstream))
            for text in questions
        ]
        return [answer.choices[0].message.content for answer in answers]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [[f"{number}.{turn}" for turn in range(4)] for number in range(16)]
    assert len(upstream.received) == 64


def test_threads_each_with_an_event_loop_share_the_module_functions(upstream: FakeUpstream) -> None:
    upstream.otherwise = repeated
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: asyncio.run(closing(upstream, f"{number}a", f"{number}b")), range(4)))
    assert found == [[f"{number}a", f"{number}b"] for number in range(4)]
