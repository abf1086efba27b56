"""A key is in no local variable of any of our frames, wherever a call fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import llmgate_core
from llmgate_core import AsyncClient, Client, ConfigError, Settings

KEY = "sk-canary-0123456789"
HI = [{"role": "user", "content": "hi"}]


def variables(traceback: TracebackType | None) -> str:
    """Return the representation of every local variable below the first frame, which is the test's own."""
    frames = []
    while traceback is not None:
        frames.append(repr(traceback.tb_frame.f_locals))
        traceback = traceback.tb_next
    return "\n".join(frames[2:])


def failure(call: Callable[[], Any]) -> str:
    with pytest.raises((ConfigError, TypeError)) as caught:
        call()
    return variables(caught.value.__traceback__)


def broken(tmp_path: Path) -> Settings:
    return Settings(catalogue_file=str(tmp_path / "missing.json"))  # noticed before the arguments are sorted


def calls(tmp_path: Path) -> dict[str, Callable[[], Any]]:
    client, asynchronous = Client(settings=broken(tmp_path)), AsyncClient(settings=broken(tmp_path))
    return {
        "sync": lambda: client.completion("openai/gpt-4o", HI, api_key=KEY),
        "option": lambda: client.completion("openai/gpt-4o", HI, client_secret=KEY),
        "option of a function": lambda: llmgate_core.completion(
            "openai/gpt-4o", HI, vertex_credentials=KEY, max_retries=-1
        ),
        "async": lambda: asyncio.run(asynchronous.completion("openai/gpt-4o", HI, api_key=KEY)),
        "relay": lambda: asyncio.run(asynchronous.relay("chat", "openai/gpt-4o", {"messages": HI}, api_key=KEY)),
        "prepare": lambda: client.prepare("chat", "openai/gpt-4o", {"messages": HI}, {"api_key": KEY}),
        "construct": lambda: Client(api_key=KEY, transport="pigeon"),  # type: ignore[arg-type]
        "misspelt": lambda: Client(api_key=KEY, api_bass="x"),  # type: ignore[call-arg]
        "function": lambda: llmgate_core.completion("openai/gpt-4o", HI, api_key=KEY, max_retries=-1),
        "coroutine": lambda: asyncio.run(llmgate_core.acompletion("openai/gpt-4o", HI, api_key=KEY, max_retries=-1)),
        "missing": lambda: llmgate_core.embedding("openai/gpt-4o", api_key=KEY),  # type: ignore[call-arg]
    }


@pytest.mark.parametrize("name", sorted(calls(Path())))
def test_no_frame_of_ours_shows_the_key(name: str, tmp_path: Path) -> None:
    shown = failure(calls(tmp_path)[name])
    assert "arguments" in shown or "options" in shown
    assert KEY not in shown
