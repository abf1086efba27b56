"""What a program leaves behind gives no warning: a dropped client, a call at exit, a loop that is closed by hand."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

START = """
import asyncio, atexit, sys
from llmgate_core import AsyncClient, Client, Settings
from llmgate_core.testing import Answer, FakeUpstream

transport = sys.argv[1]
upstream = FakeUpstream()
choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
delta = {"index": 0, "finish_reason": "stop", "delta": {"content": "x"}}
known = {"id": "1", "created": 1, "model": "m"}
whole = Answer.json({**known, "object": "chat.completion", "choices": [choice]})
streamed = Answer.sse([{**known, "object": "chat.completion.chunk", "choices": [delta]}])
options = {"api_key": "sk-x", "api_base": upstream.base_url, "transport": transport, "settings": Settings()}
call = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
"""
DROPPED_CLIENT = """
upstream.otherwise = streamed
client = Client(**options)
stream = client.completion(**call, stream=True)
del client
print(len(list(stream)))
upstream.close()
"""
DROPPED_ASYNC_CLIENT = """
upstream.otherwise = streamed

async def main():
    client = AsyncClient(**options)
    stream = await client.completion(**call, stream=True)
    del client
    print(len([chunk async for chunk in stream]))

asyncio.run(main())
upstream.close()
"""
CALL_AT_EXIT = """
upstream.otherwise = whole
client = Client(**options)
atexit.register(lambda: print(len(client.completion(**call).choices)))
"""
LOOP_CLOSED_BY_HAND = """
upstream.otherwise = whole
client = AsyncClient(**options)
loop = asyncio.new_event_loop()
print(len(loop.run_until_complete(client.completion(**call)).choices))
loop.close()
upstream.close()
"""
STREAM_OF_A_LOOP_CLOSED_BY_HAND = """
upstream.otherwise = streamed
client = AsyncClient(**options)
loop = asyncio.new_event_loop()

async def main():
    stream = await client.completion(**call, stream=True)
    print(len([await anext(stream)]))
    return stream

stream = loop.run_until_complete(main())
loop.close()
upstream.close()
"""


def output_of(program: str, transport: str) -> tuple[str, list[str]]:
    """Return what a program prints, and its warnings; asyncio's debug mode also reports slow steps, which are fine."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", START + program, transport]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    lines = [line for line in ended.stderr.splitlines() if line.strip() and not line.startswith("Executing <")]
    return ended.stdout, lines


@pytest.mark.parametrize("transport", ["http1", "httpx"])
@pytest.mark.parametrize(
    "program", [DROPPED_CLIENT, DROPPED_ASYNC_CLIENT, CALL_AT_EXIT], ids=["dropped", "dropped-async", "at-exit"]
)
def test_a_dropped_client_and_a_call_at_exit_are_silent(program: str, transport: str) -> None:
    assert output_of(program, transport) == ("1\n", [])


@pytest.mark.parametrize("program", [LOOP_CLOSED_BY_HAND, STREAM_OF_A_LOOP_CLOSED_BY_HAND], ids=["idle", "stream"])
def test_a_loop_that_is_closed_by_hand_is_silent(program: str) -> None:
    assert output_of(program, "http1") == ("1\n", [])
