"""Programs that end with open streams, clients and loops: status 0, no hang, and nothing that Python warns of."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from calls import KEY
from loopback import upstream
from measuring import TRANSPORTS, Row, program, scaled

DEADLINE_SECONDS = 60.0
START = """
import asyncio, atexit, gc, sys, threading
from calls import MODEL, async_client, client, messages, new_token, whole
base_url, transport = sys.argv[1:]
def begin(caller):
    return caller.completion(MODEL, messages(new_token(), chunks=500, gap=0.05), stream=True)
"""
IN_LOOP = "async def main():\n    caller = async_client(base_url, transport)\n    stream = await begin(caller)\n"
ENDS = {
    "a stream that was not begun to be read": "stream = begin(client(base_url, transport))",
    "a stream that is half read": "stream = begin(client(base_url, transport)); next(stream)",
    "a client that is dropped, its stream kept": "caller = client(base_url, transport); stream = begin(caller); "
    "next(stream); del caller; gc.collect()",
    "a stream that is dropped": "caller = client(base_url, transport); stream = begin(caller); next(stream)\n"
    "del stream",
    "`sys.exit` in a stream": "stream = begin(client(base_url, transport)); next(stream); sys.exit(0)",
    "a stream in a daemon thread": "stream = begin(client(base_url, transport)); next(stream)\n"
    "threading.Thread(target=list, args=[stream], daemon=True).start()",
    "an idle connection": "caller = client(base_url, transport); whole(caller)",
    "a call in `atexit`": "caller = client(base_url, transport); atexit.register(whole, caller)",
    "a loop that ends with an open stream": IN_LOOP + "    await anext(stream)\nasyncio.run(main())",
    "a loop whose stream is kept": IN_LOOP + "    await anext(stream)\n    return stream\nkept = asyncio.run(main())",
    "a loop whose reading task is left": IN_LOOP + "    task = asyncio.ensure_future(anext(stream))\n"
    "    await asyncio.sleep(0)\nasyncio.run(main())",
    "a loop whose client is closed": IN_LOOP
    + "    await anext(stream)\n    await caller.aclose()\nasyncio.run(main())",
}
"""How a program ends, and its last lines."""


def exits(scale: float) -> Iterator[Row]:
    count = scaled(len(ENDS), scale, 1)
    for transport in TRANSPORTS:
        with upstream() as server:
            found = {name: last_words(server.base_url, transport, ENDS[name]) for name in list(ENDS)[:count]}
            left = server.closed()
        bad = {name: words for name, words in found.items() if words}
        yield Row(
            f"programs that end with open streams, `-X dev -W error`, {transport}",
            f"{len(found)} ways to end",
            f"{len(found) - len(bad)} with status 0 and without a word; {left} sockets left"
            + "".join(f"; {name}: {words}" for name, words in bad.items()),
            held=not bad and not left,
        )


def last_words(base_url: str, transport: str, end: str) -> str:
    """Run a program, and return what was wrong with its end; an empty string: nothing."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", START + end, base_url, transport]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OPENAI_API_KEY": KEY}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "hang"
    # asyncio's debug mode reports slow callbacks, which are those of a busy machine
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Executing <")]
    return "" if not done.returncode and not lines else f"status {done.returncode} {' '.join(lines[-1:])}"


if __name__ == "__main__":
    program(exits)
