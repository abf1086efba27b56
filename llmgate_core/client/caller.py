# Made from llmgate_core/client/async_caller.py by tools/make_twins.py: edit that file, then run `make twins`.
"""What the lists of calls need of an synchronous client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

__all__ = ["Caller"]


class Caller(ABC):
    """Something that runs a call."""

    @abstractmethod
    def _call(
        self,
        family: str,
        model: str | None,
        inputs: Mapping[str, Any],
        arguments: Any,
        *,
        operation: str = "create",
    ) -> Any:
        """Prepare, send and read one call. `arguments` is a dict, of another type for each function."""
