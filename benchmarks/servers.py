"""The processes that the gateway's benchmarks talk to, requests to them, and figures of a process.

The upstream, the gateway (one worker, with key, limits, metrics, cost and access log on) and nginx as a plain reverse
proxy of the same upstream (one worker, kept connections, access log on, streams not held back).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
KEY = "sk-benchmark-0123456789"
CONFIG = """
model_list:
  - model_name: plain
    params: {{model: openai/gpt-4o, api_key: sk-upstream-0123456789, api_base: "{origin}/v1"}}
  - model_name: apart
    params: {{model: openai/gpt-4o, api_key: sk-upstream-0123456789, api_base: "{origin}/apart/v1"}}
  - model_name: paced
    params: {{model: openai/gpt-4o, api_key: sk-upstream-0123456789, api_base: "{origin}/paced/v1"}}
  - model_name: steady
    params: {{model: openai/gpt-4o, api_key: sk-upstream-0123456789, api_base: "{origin}/steady/v1"}}
general_settings:
  master_key: {key}
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  keepalive_requests 1000000;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


@contextmanager
def upstream() -> Iterator[str]:
    """Run the upstream in a process of its own for the length of a `with` block, and yield its origin."""
    command = [sys.executable, str(HERE / "upstream.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


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


@contextmanager
def nginx(origin: str) -> Iterator[tuple[int, int]]:
    """Yield the process id of the only worker, and the port."""
    with tempfile.TemporaryDirectory() as folder:
        port, config = free_port(), Path(folder, "nginx.conf")
        config.write_text(NGINX.format(folder=folder, port=port, upstream=origin.rpartition(":")[2]))
        os.chmod(folder, 0o777)  # its worker runs as another user
        command = ["nginx", "-p", folder, "-c", str(config), "-e", f"{folder}/error.log"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_until_answered(port, process)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            yield int(children[0]), port
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def wait_until_answered(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.005)
        else:
            asyncio.run(drive(port, request_of("plain"), 1, 1))
            return
    raise SystemExit(f"{process.args!r} did not start")


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
    """Return the CPU time of a process, all its threads and the kernel's work for it included, to the nanosecond.

    The clock's id is what `clock_getcpuclockid(3)` returns; `/proc/PID/stat` counts in steps of 10 ms.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident_mb(pid: int) -> float:
    """Return the resident memory in 10^6 bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise SystemExit("no VmRSS")


def cost(pid: int, port: int, request: bytes, count: int, concurrency: int) -> float:
    """Return CPU microseconds of a process for each request, over one round."""
    before = cpu_seconds(pid)
    asyncio.run(drive(port, request, count, concurrency))
    return (cpu_seconds(pid) - before) / (count * concurrency) * 1e6
