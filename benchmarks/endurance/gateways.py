"""`llmgate serve` in a process of its own, and requests to it over connections that keep no secrets from us."""

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from calls import KEY, new_token, prompt
from loopback import PATIENCE_SECONDS, Upstream, until
from measuring import Outcomes, children

HERE = Path(__file__).parent
CENSUS = "census"  # the file of the counts, in the gateway's folder
HOST = "127.0.0.1"
BOUNDARY = "endurance"
UPLOAD_BYTES = 300_000
CONFIG = """
model_list:
  - model_name: m
    params: {{model: openai/gpt-4o, api_key: {key}, api_base: "{base_url}", max_retries: 0}}
  - model_name: w
    params: {{model: openai/whisper-1, api_key: {key}, api_base: "{base_url}", max_retries: 0}}
{more}
general_settings: {{{general}}}
"""
FOREIGN = ("OPENAI_", "LLMGATE_", "LITELLM_", "HOST", "PORT", "NUM_WORKERS")
"""Beginnings of the names of variables that would change what a gateway does."""


class Gateway:
    """A gateway that runs; made by `gateway`."""

    def __init__(self, folder: Path, port: int, process: subprocess.Popen[bytes], key: str | None) -> None:
        self.folder, self.port, self.process = folder, port, process
        self.pid = process.pid
        self.config = folder / "config.yaml"
        self._opener = build_opener(ProxyHandler({}))
        if key:
            self._opener.addheaders.append(("Authorization", f"Bearer {key}"))

    def get(self, path: str) -> str:
        with self._opener.open(f"http://{HOST}:{self.port}{path}", timeout=PATIENCE_SECONDS) as answer:
            return str(answer.read().decode())

    def is_up(self) -> bool:
        try:
            return bool(self.get("/livez"))
        except (URLError, OSError):
            return False

    def metric(self, name: str) -> float:
        """Return the sum of a metric over all its labels."""
        lines = (line for line in self.get("/metrics").splitlines() if line.startswith((f"{name} ", f"{name}{{")))
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def tasks(self) -> int:
        """Return how many tasks its loop has; the gateway was started with `census=True`."""
        known = len(self._census())
        self.signal(signal.SIGUSR2)
        if not until(lambda: len(self._census()) > known, 10):
            raise RuntimeError("the gateway did not count its tasks")
        return int(self._census()[-1])

    def _census(self) -> list[str]:
        path = self.folder / CENSUS
        return path.read_text().splitlines() if path.exists() else []

    def processes(self) -> list[int]:
        """Return the processes that serve."""
        return children(self.pid) or [self.pid]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int | str, float]:
        """Stop it, and return its exit status, or `hang`, and the seconds that it took."""
        began = time.perf_counter()
        self.signal(signal.SIGTERM)
        return self.wait(), time.perf_counter() - began

    def wait(self) -> int | str:
        try:
            return self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            return "hang"

    def log_lines(self) -> list[str]:
        """Return the lines of the access log on standard output."""
        return (self.folder / "out").read_text().splitlines()

    def words(self) -> str:
        """Return what it has written to standard error."""
        return (self.folder / "err").read_text()

    def tracebacks(self) -> int:
        return self.words().count("Traceback")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as sock:
        return int(sock.getsockname()[1])


def write_config(folder: Path, base_url: str, general: str, more: str = "") -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(key=KEY, base_url=base_url, general=general, more=more))
    return path


def start(
    folder: Path,
    workers: int,
    before: Callable[[], None] | None = None,
    *,
    census: bool = False,
    key: str | None = None,
) -> Gateway:
    """Start a gateway with the config of the folder; `before` runs in its process first."""
    port = free_port()
    flags = ["serve", "--config", str(folder / "config.yaml"), "--port", str(port), "--workers", str(workers)]
    program = [str(HERE / "census.py"), str(folder / CENSUS)] if census else ["-m", "llmgate_core"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, *program, *flags],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=environment,
            preexec_fn=before,  # noqa: PLW1509  nothing else runs in this process yet
        )
    return Gateway(folder, port, process, key)


@contextmanager
def gateway(
    server: Upstream,
    *,
    workers: int = 1,
    general: str = "",
    more: str = "",
    before: Callable[[], None] | None = None,
    census: bool = False,
    key: str | None = None,
) -> Iterator[Gateway]:
    """Run a gateway in front of an upstream for the length of a `with` block.

    Args:
        server: the upstream.
        workers: how many worker processes.
        general: what is between the braces of `general_settings`.
        more: more entries of the model list.
        before: runs in the gateway's process before the gateway.
        census: whether it can count its tasks.
        key: that may read `/metrics`, if the config has keys.
    """
    with tempfile.TemporaryDirectory() as name:
        write_config(Path(name), server.base_url, general, more)
        running = start(Path(name), workers, before, census=census, key=key)
        try:
            ready = until(lambda: running.process.poll() is not None or running.is_up())
            if not ready or running.process.poll() is not None:
                raise RuntimeError(f"the gateway did not start: {running.words()[-500:]}")
            if workers > 1:
                until(lambda: len(running.processes()) == workers)
            yield running
        finally:
            if running.process.poll() is None:
                running.signal(signal.SIGTERM)
                if running.wait() == "hang":
                    running.process.kill()
                    running.process.wait()


def chat(token: str, *, stream: bool = False, padding: int = 0, key: str | None = None, **orders: Any) -> bytes:
    """Return the bytes of a chat request."""
    messages = [{"role": "user", "content": prompt(token, padding, **orders)}]
    body: dict[str, Any] = {"model": "m", "messages": messages}
    return post("/v1/chat/completions", json.dumps({**body, "stream": True} if stream else body).encode(), key=key)


def upload(token: str, size: int = UPLOAD_BYTES, **orders: Any) -> bytes:
    """Return the bytes of a request with a file."""
    fields = {"model": "w", "prompt": prompt(token, **orders)}
    head = "".join(
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    body = head.encode() + b"a" * size + f"\r\n--{BOUNDARY}--\r\n".encode()
    return post("/v1/audio/transcriptions", body, f"multipart/form-data; boundary={BOUNDARY}")


def post(path: str, body: bytes, content_type: str = "application/json", key: str | None = None) -> bytes:
    authorization = f"authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: {content_type}\r\n{authorization}"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Line:
    """One kept connection to a gateway; opened again when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: bytes) -> asyncio.StreamReader:
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection(HOST, self._port, limit=2**24)
        self._writer.write(request)
        await self._writer.drain()
        return self._reader

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request, and return the status and the body."""
        reader = await self.send(request)
        status, headers = await read_head(reader)
        return status, await read_body(reader, headers)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def abort(self) -> None:
        """Drop the connection, as a program does that is killed."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int(lines[0].split()[1]), headers


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(int(headers.get("content-length", "0")))
    blocks = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        blocks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(blocks)


async def is_alive(port: int) -> bool:
    """Ask `/livez` over a new connection, which the gateway accepts after all that were opened before."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(f"GET /livez HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())
    status, _ = await read_head(reader)
    writer.close()
    return status == 200


def is_answer(body: bytes, token: str) -> bool:
    """Return whether a body is the whole answer, or the whole stream, to a token."""
    return f'"{token}:'.encode() in body and (not body.startswith(b"data:") or body.endswith(b"data: [DONE]\n\n"))


async def outcome_of(line: Line, request: bytes, token: str) -> str:
    """Send a request, and return `ok`, the status, or how the connection broke."""
    try:
        status, body = await asyncio.wait_for(line.ask(request), PATIENCE_SECONDS)
    except (OSError, asyncio.IncompleteReadError):
        line.close()
        return "broken"
    except asyncio.TimeoutError:
        line.close()
        return "hang"
    if status != 200:
        return str(status)
    return "ok" if is_answer(body, token) else "wrong answer"


async def clients(port: int, count: int, at_once: int, outcomes: Outcomes, pause: float = 0.0) -> None:
    """Send whole and streamed requests over connections that are kept, and count how they end."""
    left = iter(range(count))

    async def one_client() -> None:
        line = Line(port)
        for number in left:
            token = new_token()
            outcomes[await outcome_of(line, chat(token, stream=number % 4 == 0, chunks=5), token)] += 1
            await asyncio.sleep(pause)
        line.close()

    await asyncio.gather(*(one_client() for _ in range(at_once)))
