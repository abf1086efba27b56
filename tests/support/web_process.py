"""An ASGI app of a page under uvicorn, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.gateway_process import clean_environment

__all__ = ["web_process"]

RUNNING = "Uvicorn running on "
PATIENCE_SECONDS = 30.0


@contextmanager
def web_process(app: str, *, folder: Path, **environment: str) -> Iterator[str]:
    """Run `uvicorn APP` in a folder for the length of a `with` block, and yield its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", app, "--port", "0", "--no-use-colors"],
        cwd=folder,
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _url_of(process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()


def _url_of(process: subprocess.Popen[str]) -> str:
    said = []
    for line in process.stderr or ():
        said.append(line)
        if RUNNING in line:
            return line.partition(RUNNING)[2].split()[0]
    raise RuntimeError(f"uvicorn ended: {''.join(said)}")
