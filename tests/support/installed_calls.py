"""Call a function of a client that has the installed plugins, sync or async, and read a stream to its end."""

from __future__ import annotations

import asyncio
from typing import Any

from llmgate_core import AsyncClient, AsyncStream, Client, Settings, Stream

__all__ = ["ask_installed"]


def ask_installed(mode: str, function: str, /, **arguments: Any) -> Any:
    """Return the result, or the pieces of a stream as a list.

    Args:
        mode: `sync` or `async`.
        function: of the client.
        arguments: of the function; without retries unless they say otherwise.
    """
    arguments = {"max_retries": 0, **arguments}
    if mode == "async":
        return asyncio.run(_aask(function, arguments))
    with Client(settings=Settings()) as client:
        result = getattr(client, function)(**arguments)
        return list(result) if isinstance(result, Stream) else result


async def _aask(function: str, arguments: dict[str, Any]) -> Any:
    async with AsyncClient(settings=Settings()) as client:
        result = await getattr(client, function)(**arguments)
        return [piece async for piece in result] if isinstance(result, AsyncStream) else result
