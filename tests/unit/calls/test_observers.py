"""Warnings name the line of the caller, however the call was made."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import llmgate_core
from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.client.functions import default_async_client
from llmgate_core.testing import Answer, FakeUpstream, fake_upstream

HI = [{"role": "user", "content": "Hi"}]
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
ANSWER = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [CHOICE]}
LOSES: dict[str, Any] = {"temperature": 0.5, "additional_drop_params": ["temperature"], "max_retries": 0}


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as running:
        running.answers.append(Answer.json(ANSWER))
        yield running


def here() -> int:
    """Return the line of the caller."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def module_function(**own: Any) -> int:
    _, line = llmgate_core.completion("openai/gpt-4o", HI, **own, **LOSES), here()
    return line


def client_method(**own: Any) -> int:
    with Client(settings=Settings()) as client:
        _, line = client.completion("openai/gpt-4o", HI, **own, **LOSES), here()
    return line


def async_module_function(**own: Any) -> int:
    async def main() -> int:
        try:
            _, line = await llmgate_core.acompletion("openai/gpt-4o", HI, **own, **LOSES), here()
        finally:
            await default_async_client().aclose()
        return line

    return asyncio.run(main())


def async_client_method(**own: Any) -> int:
    async def main() -> int:
        async with AsyncClient(settings=Settings()) as client:
            _, line = await client.completion("openai/gpt-4o", HI, **own, **LOSES), here()
        return line

    return asyncio.run(main())


def task_of_a_call(**own: Any) -> int:
    async def main() -> None:
        async with AsyncClient(settings=Settings()) as client:
            await asyncio.create_task(client.completion("openai/gpt-4o", HI, **own, **LOSES))

    _, line = asyncio.run(main()), here()  # below a task there is no other line of the caller's
    return line


WAYS = (module_function, client_method, async_module_function, async_client_method, task_of_a_call)


@pytest.mark.parametrize("way", WAYS)
def test_a_warning_names_the_callers_line(way: Callable[..., int], upstream: FakeUpstream) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = way(api_key=f"sk-{way.__name__}", api_base=upstream.base_url)
    (warning,) = (one for one in caught if "temperature" in str(one.message))
    assert (warning.filename, warning.lineno) == (__file__, line)
