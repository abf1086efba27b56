"""Call a function of a client that has one plugin, sync or async, and read a stream to its end."""

from __future__ import annotations

import asyncio
from typing import Any

from llmgate_core import AsyncClient, AsyncStream, Client, Settings, Stream

__all__ = ["ask"]


def ask(mode: str, plugin: object, prefix: str, function: str = "completion", /, **arguments: Any) -> Any:
    """Return the result, or the pieces of a stream as a list.

    Args:
        mode: `sync` or `async`.
        plugin: serves chat at `prefix`.
        prefix: without its last slash.
        function: of the client.
        arguments: of the function; without retries and with a key unless they say otherwise.
    """
    arguments = {"api_key": "sk-test", "max_retries": 0, **arguments}
    if mode == "sync":
        with Client(settings=Settings()) as client:
            client.add_plugin(plugin, family="chat", prefix=prefix)
            result = getattr(client, function)(**arguments)
            return list(result) if isinstance(result, Stream) else result
    return asyncio.run(_aask(plugin, prefix, function, arguments))


async def _aask(plugin: object, prefix: str, function: str, arguments: dict[str, Any]) -> Any:
    async with AsyncClient(settings=Settings()) as client:
        client.add_plugin(plugin, family="chat", prefix=prefix)
        result = await getattr(client, function)(**arguments)
        return [piece async for piece in result] if isinstance(result, AsyncStream) else result
