"""`llmgate` with a counter of what its process holds: SIGUSR2 appends the number of tasks on its loop to a file.

    python census.py FILE serve --config …    # FILE gets a number a line

The count is taken in the gateway's main thread, between two steps of its loop, after a collection.
"""

from __future__ import annotations

import asyncio
import gc
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType


def count_into(path: Path) -> None:
    def count(_: int, __: FrameType | None) -> None:
        gc.collect()
        with path.open("a") as file:
            file.write(f"{len(asyncio.all_tasks())}\n")

    signal.signal(signal.SIGUSR2, count)


if __name__ == "__main__":
    count_into(Path(sys.argv.pop(1)))
    runpy.run_module("llmgate_core", run_name="__main__", alter_sys=True)
