"""Measure the cost of the gateway: CPU time of its process for each request and event, its start, its memory.

The gateway runs as `llmgate serve` with one worker, and with key, limits, metrics, cost and access log on. Upstream and
client are separate processes. Of the content, only the length is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
KEY = "sk-benchmark-0123456789"
EVENTS = 201
TICKS = os.sysconf("SC_CLK_TCK")
CONFIG = """
model_list:
  - model_name: plain
    params: {{model: openai/gpt-4o, api_key: sk-upstream-0123456789, api_base: "{origin}/v1"}}
  - model_name: paced
    params: {{model: openai/gpt-4o, api_key: sk-upstream-0123456789, api_base: "{origin}/paced/v1"}}
  - model_name: steady
    params: {{model: openai/gpt-4o, api_key: sk-upstream-0123456789, api_base: "{origin}/steady/v1"}}
general_settings:
  master_key: {key}
"""
BUDGETS = {
    "request, microseconds": 160.0,
    "burst of 200 chunks, microseconds": 1200.0,
    "paced event, microseconds": 25.0,
    "first answer after start, seconds": 0.25,
    "resident memory idle, MB": 45.0,
}


@contextmanager
def upstream() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "upstream.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait()


@contextmanager
def gateway(origin: str) -> Iterator[tuple[int, int, float]]:
    """Yield the process id, the port, and the seconds from the start to the first answer."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.yaml")
        config.write_text(CONFIG.format(origin=origin, key=KEY))
        command = [sys.executable, "-m", "llmgate_core", "serve", "--config", str(config), "--port", str(free_port())]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = int(command[-1])
            wait_until_answered(port, process)
            yield process.pid, port, time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def wait_until_answered(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            asyncio.run(drive(port, request_of("plain"), 1, 1))
        except OSError:
            time.sleep(0.002)
        else:
            return
    raise SystemExit("the gateway did not start")


def request_of(model: str, *, stream: bool = False) -> bytes:
    messages = [{"role": "user", "content": "How many ships did the lighthouse keeper count?"}]
    body = json.dumps({"model": model, "messages": messages, **({"stream": True} if stream else {})}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n"
        f"user-agent: benchmark\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def drive(port: int, request: bytes, count: int, concurrency: int) -> None:
    """Send a request `count` times over each of `concurrency` connections, and read every answer."""

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(head.decode())
            if b"chunked" in head:
                await reader.readuntil(b"\r\n0\r\n\r\n")
            else:
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
        writer.close()

    await asyncio.gather(*(one() for _ in range(concurrency)))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("no VmRSS")


def cost(pid: int, port: int, request: bytes, count: int, concurrency: int) -> float:
    """Return CPU microseconds of the gateway for each request: the median of five rounds."""
    asyncio.run(drive(port, request, max(1, count // 10), concurrency))
    rounds = []
    for _ in range(5):
        before = cpu_seconds(pid)
        asyncio.run(drive(port, request, count, concurrency))
        rounds.append((cpu_seconds(pid) - before) / (count * concurrency) * 1e6)
    return median(rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    options = parser.parse_args()
    with upstream() as origin:
        starts = []
        for _ in range(3):
            with gateway(origin) as (pid, port, seconds):
                starts.append(seconds)
                idle = resident_mb(pid)
        with gateway(origin) as (pid, port, _):
            figures = {
                "request, microseconds": cost(pid, port, request_of("plain"), 500, 8),
                "burst of 200 chunks, microseconds": cost(pid, port, request_of("plain", stream=True), 50, 8),
                "paced event, microseconds": cost(pid, port, request_of("paced", stream=True), 2, 16) / EVENTS,
                "first answer after start, seconds": min(starts),
                "resident memory idle, MB": idle,
            }
    for name, value in figures.items():
        row = {"measurement": name, "value": round(value, 3), "budget": BUDGETS[name]}
        print(json.dumps(row) if options.json else f"{name:40} {value:10.3f}   budget {BUDGETS[name]:g}")
    return int(options.check and any(value > BUDGETS[name] for name, value in figures.items()))


if __name__ == "__main__":
    sys.exit(main())
