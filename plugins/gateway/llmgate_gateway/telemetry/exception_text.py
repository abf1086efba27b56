"""What the log shows of an exception: where it was raised, and its class. Pure.

Not its message: a `KeyError` or a `UnicodeEncodeError` repeats what a client sent. With `log_content` the message is
shown too. An error of the system says its reason, which is never a client's.

Source: rows S15 and S17 of docs/reliability.md.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

__all__ = ["exception_line", "exception_text"]

MAX_CHAIN = 10


def exception_text(error: BaseException, *, with_message: bool = False) -> str:
    """Return the frames and classes of an exception and of those that it came from, the cause first."""
    parts: list[str] = []
    for link in reversed(list(_chain(error))):
        frames = "".join(traceback.format_tb(link.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{exception_line(link, with_message=with_message)}\n")
    return "\n".join(parts)


def exception_line(error: BaseException, *, with_message: bool = False) -> str:
    """Return the class of an exception, and its message if that cannot be a client's."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if with_message and str(error):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        return f"{name}: [Errno {error.errno}] {error.strerror}"
    if isinstance(error, ImportError):
        return f"{name}: {error}"
    return name


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(MAX_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ if error.__cause__ is not None or error.__suppress_context__ else error.__context__
