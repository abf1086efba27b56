"""Print a call as a line of Python and make it, so that the line shown is the one that runs."""

# ruff: noqa: T201 - this is a program that prints

from __future__ import annotations

import io
import os
from collections.abc import Callable
from operator import attrgetter
from typing import Any

__all__ = ["shown", "shown_method"]


def shown(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that prints each call and then makes it."""

    def call(*arguments: Any, **options: Any) -> Any:
        print(f"   >>> {function.__name__}({_source(arguments, options)})")
        return function(*arguments, **options)

    return call


def shown_method(client: object, path: str, **options: Any) -> Any:
    """Print and make a call of a method of `client`, named by a dotted path."""
    print(f"   >>> client.{path}({_source((), options)})")
    return attrgetter(path)(client)(**options)


def _source(arguments: tuple[Any, ...], options: dict[str, Any]) -> str:
    return ", ".join([*map(_literal, arguments), *(f"{name}={_literal(value)}" for name, value in options.items())])


def _literal(value: Any) -> str:
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, io.BufferedReader):
        return f"open({os.path.relpath(value.name)!r}, 'rb')"
    return repr(value)
