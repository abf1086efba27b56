"""Keep keys out of tracebacks: a method that takes `api_key` receives a `Secret`, never the string of the caller.

A traceback may show the local variables of every frame, and `arguments` would be one of them.
"""

from __future__ import annotations

from functools import wraps
from inspect import CO_VARKEYWORDS, iscoroutinefunction, isfunction
from typing import TYPE_CHECKING, Any, TypeVar

from llmgate_core.settings.options import hide_key

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hide_keys"]

ClassT = TypeVar("ClassT", bound=type)


def hide_keys(kind: ClassT) -> ClassT:
    """Wrap each method of a class that can be called with `api_key`; the plain method is its `__wrapped__`."""
    for name, method in list(vars(kind).items()):
        if isfunction(method) and _takes_key(method):
            setattr(kind, name, _with_hidden_key(method))
    return kind


def _takes_key(method: Callable[..., Any]) -> bool:
    code = method.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return bool(code.co_flags & CO_VARKEYWORDS) or "api_key" in parameters


def _with_hidden_key(method: Callable[..., Any]) -> Callable[..., Any]:
    if iscoroutinefunction(method):

        @wraps(method)
        async def call_async(*values: Any, **arguments: Any) -> Any:
            hide_key(arguments)
            running = method(*values, **arguments)
            del values, arguments  # they may be large, and the call may take minutes
            return await running

        return call_async

    @wraps(method)
    def call(*values: Any, **arguments: Any) -> Any:
        hide_key(arguments)
        return method(*values, **arguments)

    return call
