"""Warn at the caller's line, whatever is between it and us: module functions, clients, coroutines, streams."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["warn_caller"]

NOT_THE_CALLERS = (f"{Path(__file__).parents[1]}{os.sep}", f"{Path(warnings.__file__).parent / 'asyncio'}{os.sep}")
"""Folders whose lines are not the caller's: this package, and the loop that runs the caller's coroutines."""


def warn_caller(message: str) -> None:
    """Warn, and name the line of the caller's program that led here."""
    warnings.warn(message, UserWarning, stacklevel=_callers_level(sys._getframe(1)))


def _callers_level(frame: FrameType | None) -> int:
    """Return the `stacklevel` of the caller's line, seen from `warn_caller`, which was called in `frame`.

    Counted by file, since the depth differs.
    """
    level = 2
    while frame is not None and frame.f_code.co_filename.startswith(NOT_THE_CALLERS):
        frame, level = frame.f_back, level + 1
    return level if frame is not None else 1
