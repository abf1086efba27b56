"""Measure what llmgate costs, as a ratio to a plain httpx program that does the same in the same run.

CPU time of this process only (the upstream runs in another one), in interleaved rounds, so that a busy
machine slows both sides alike. Checks correctness only in that every call must return the same text.
benchmarks/README.md says what is compared, and why.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from footprint import measure_first_call, measure_import, measure_install
from plain import KEY, MESSAGES, TEXT
from rows import Row, rows_in, show
from servers import upstream
from turns import SCENARIOS, clean_environment, measure

import llmgate_core

HERE = Path(__file__).parent
SIDES = {"http1": "http1", "httpx": "httpx"}
"""What a row is called, and the transport that it measures."""
H11_SIDES = {"h11": "http1"}
PEERS_PYTHON = HERE.parent / "build" / "peers" / "bin" / "python"


class Ours:
    """The same through llmgate, with typed results read by attribute."""

    def __init__(self, base_url: str, transport: str) -> None:
        self.client = llmgate_core.Client(api_key=KEY, api_base=base_url, transport=transport)
        self.aclient = llmgate_core.AsyncClient(api_key=KEY, api_base=base_url, transport=transport)

    def call(self) -> int:
        response = self.client.completion(model="openai/gpt-4o", messages=MESSAGES)
        return len(response.choices[0].message.content)

    async def acall(self) -> int:
        response = await self.aclient.completion(model="openai/gpt-4o", messages=MESSAGES)
        return len(response.choices[0].message.content)

    def stream(self) -> int:
        stream = self.client.completion(model="openai/gpt-4o", messages=MESSAGES, stream=True)
        return sum(len(chunk.choices[0].delta.content or "") for chunk in stream)

    async def astream(self) -> int:
        size = 0
        async for chunk in await self.aclient.completion(model="openai/gpt-4o", messages=MESSAGES, stream=True):
            size += len(chunk.choices[0].delta.content or "")
        return size

    def embed(self) -> int:
        response = self.client.embedding(model="openai/text-embedding-3-small", input=TEXT)
        return len(response.data[0].embedding)


def measure_peers(only: str, seconds: float) -> Iterator[Row]:
    """Measure other SDKs in the same way, with the Python that has them.

    Raises:
        SystemExit: `make peers` has not been run, or a peer failed.
    """
    if not PEERS_PYTHON.exists():
        raise SystemExit("build/peers is missing: run `make peers` first")
    command = [str(PEERS_PYTHON), str(HERE / "peers.py"), "--only", only, "--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield from rows_in(process.stdout)
    if process.returncode:
        raise SystemExit("the peers could not be measured")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument("--only", default="", metavar="NAME", help="only measurements whose name contains NAME")
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each comparison (default: 8)")
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    parser.add_argument(
        "--h11", action="store_true", help="only `http1`, parsing with h11, as if httptools were not installed"
    )
    parser.add_argument("--peers", action="store_true", help="also other SDKs, which `make peers` installs")
    arguments = parser.parse_args()
    if arguments.h11:
        sys.modules["httptools"] = None  # type: ignore[assignment]  # an import of it fails
    clean_environment()
    names = H11_SIDES if arguments.h11 else SIDES
    ours = {name: partial(Ours, transport=transport) for name, transport in names.items()}
    rows = []
    with upstream() as origin:
        loop = asyncio.new_event_loop()
        todo: list[tuple[str, Callable[[], Iterable[Row]]]] = [
            (scenario.name, partial(measure, scenario, origin, arguments.seconds, loop, ours)) for scenario in SCENARIOS
        ]
        if not arguments.h11:
            todo += [
                ("import llmgate_core", measure_import),
                ("first call with set-up, memory after it", partial(measure_first_call, origin)),
                ("core install", measure_install),
            ]
        if arguments.peers:
            todo.append((arguments.only, partial(measure_peers, arguments.only, arguments.seconds)))
        for name, work in todo:
            if arguments.only in name:
                for row in work():
                    rows.append(row)
                    show(row, as_json=arguments.json)
    return int(arguments.check and not all(row.passed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
