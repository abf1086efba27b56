"""What the lists of calls need of an asynchronous client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

__all__ = ["AsyncCaller"]


class AsyncCaller(ABC):
    """Something that runs a call."""

    @abstractmethod
    async def _call(
        self,
        family: str,
        model: str | None,
        inputs: Mapping[str, Any],
        arguments: Any,
        *,
        operation: str = "create",
    ) -> Any:
        """Prepare, send and read one call. `arguments` is a dict, of another type for each function."""
