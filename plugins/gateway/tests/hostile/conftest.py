"""A served gateway in a process of its own, and clients that speak bytes to it.

One gateway and one upstream serve all tests of this folder: whatever one test does to it, the next one
finds it serving. `living` checks that after every test.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmgate_core.testing import Answer, FakeUpstream, fake_upstream
from tests.support.gateway_process import gateway_process

PATIENCE_SECONDS = 20.0
MASTER = "sk-master-canary-Zq81LmPw4d"
NARROW = "sk-narrow-canary-Vb72KxTy9c"
UPSTREAM_KEY = "sk-upstream-canary-Hn53RjQe6f"
MODELS: dict[str, str | dict[str, Any]] = {
    "m": "openai/gpt-4o",
    "quick": {"model": "openai/gpt-4o", "timeout": {"total": 1.2, "first_event": 0.4, "idle": 0.4}},
    "r": "openai/gpt-5-mini",
    "bridged": "openai/responses/gpt-5-mini",
    "t": "text-completion-openai/gpt-3.5-turbo-instruct",
    "e": "openai/text-embedding-3-small",
    "w": "openai/whisper-1",
    "s": "openai/tts-1",
    "i": "openai/gpt-image-1",
    "mod": "openai/omni-moderation-latest",
    "wild/*": "openai/*",
}
HI = [{"role": "user", "content": "hi"}]
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


@dataclass(frozen=True)
class Reply:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    raw_head: bytes
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object; the body must hold that and nothing else, in OpenAI's shape."""
        assert self.headers["content-type"].startswith("application/json"), self
        said = self.json()
        assert set(said) == {"error"}, said
        assert set(said["error"]) == {"message", "type", "param", "code"}, said
        assert isinstance(said["error"]["message"], str), said
        return said["error"]


class Hostile:
    """The gateway under attack."""

    master = MASTER
    narrow = NARROW
    canaries = (MASTER, NARROW, UPSTREAM_KEY)

    def __init__(self, process: subprocess.Popen[str], port: int, out: list[str], err: list[str]) -> None:
        self.process = process
        self.port = port
        self.out = out
        self.err = err
        self._marks: set[str] = set()

    def connect(self, timeout: float = PATIENCE_SECONDS) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, *parts: bytes, timeout: float = PATIENCE_SECONDS) -> bytes:
        """Send bytes and return all that comes until the gateway hangs up; a client that is refused reads on."""
        with contextlib.closing(self.connect(timeout)) as sock:
            with contextlib.suppress(ConnectionError):
                for part in parts:
                    sock.sendall(part)
            return read_all(sock)

    def statuses(self, *parts: bytes) -> list[int]:
        """Send bytes and return the status of every answer but `100 Continue`."""
        found = [int(part[:3]) for part in self.raw(*parts).split(b"HTTP/1.1 ")[1:]]
        return [status for status in found if status != 100]

    def reply(self, *parts: bytes) -> Reply:
        """Send bytes and return the one answer."""
        return parse(self.raw(*parts))

    def ask(self, method: str, path: str, body: Any = None, *, key: str | None = MASTER, **headers: str) -> Reply:
        """Send one request on a connection of its own; `body` is bytes, or made JSON."""
        return parse(self.raw(request_of(method, path, body, key=key, **headers)), method)

    def chat(self, **fields: Any) -> Reply:
        return self.ask("POST", "/v1/chat/completions", {"model": "m", "messages": HI, **fields})

    def memory_kib(self) -> int:
        return int(self._status("VmRSS"))

    def peak_kib(self) -> int:
        return int(self._status("VmHWM"))

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def in_flight(self) -> int:
        """What the gateway says is under way, this question itself left out."""
        text = self.ask("GET", "/metrics").body.decode()
        return (
            int(
                float(
                    next(line for line in text.splitlines() if line.startswith("llmgate_requests_in_flight")).split()[1]
                )
            )
            - 1
        )

    def lines(self) -> list[dict[str, Any]]:
        """The access log so far, once the line of one more request has come through; those of such are left out."""
        mark = self.ask("GET", "/v1/mark").headers["x-llmgate-request-id"]
        self._marks.add(mark)
        wait_for(lambda: any(mark in line for line in self.out), "the access log")
        return [line for line in map(json.loads, tuple(self.out)) if line.get("request_id") not in self._marks]

    def line_after(self, count: int) -> dict[str, Any]:
        """The line of the access log behind the first `count`, once it has come."""
        found: list[dict[str, Any]] = wait_for(lambda: self.lines()[count:], "a line of the access log")
        return found[0]

    def wait_for_lines(self, error_code: str, count: int) -> None:
        """Wait until so many lines of the access log have this error code."""
        wait_for(
            lambda: sum(line.get("error_code") == error_code for line in self.lines()) == count,
            f"{count} lines with {error_code}",
        )

    def _status(self, name: str) -> str:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(line.split()[1] for line in text.splitlines() if line.startswith(name))


def request_of(method: str, path: str, body: Any = None, *, key: str | None = MASTER, **headers: str) -> bytes:
    """Return a well-formed request, its connection closed after it."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"host": "gateway", "connection": "close"}
    if body is not None:
        fields |= {"content-type": "application/json", "content-length": str(len(content))}
    if key is not None:
        fields["authorization"] = f"Bearer {key}"
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + content


def read_all(sock: socket.socket) -> bytes:
    blocks = []
    with contextlib.suppress(ConnectionResetError):
        while block := sock.recv(65536):
            blocks.append(block)
    return b"".join(blocks)


def parse(answer: bytes, method: str = "POST") -> Reply:
    """Return the one answer in `answer`; anything behind it fails."""
    head, blank, rest = answer.partition(b"\r\n\r\n")
    assert blank, f"no answer: {answer[:200]!r}"
    first, *lines = head.split(b"\r\n")
    headers = {
        name.decode().lower(): value.strip().decode("latin-1") for name, _, value in (x.partition(b":") for x in lines)
    }
    assert len(headers) == len(lines), head
    body = rest
    if headers.get("transfer-encoding") == "chunked":
        body, rest = _unchunked(rest)
        assert rest == b"", rest[:200]
    elif method != "HEAD" and "content-length" in headers:
        assert len(rest) == int(headers["content-length"]), answer[:300]
    return Reply(int(first.split()[1]), headers, head, body)


def _unchunked(rest: bytes) -> tuple[bytes, bytes]:
    blocks = []
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            return b"".join(blocks), rest.removeprefix(b"\r\n")
        blocks.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]


def wait_for(happened: Any, what: str, within_seconds: float = PATIENCE_SECONDS) -> Any:
    ends = time.monotonic() + within_seconds
    while not (found := happened()):
        if time.monotonic() > ends:
            raise TimeoutError(f"not seen within {within_seconds:g} s: {what}")
        time.sleep(0.01)
    return found


def event(value: Any) -> bytes:
    return b"data: " + (value.encode() if isinstance(value, str) else json.dumps(value).encode()) + b"\n\n"


def config_of(base_url: str, folder: Path) -> Path:
    common = {"api_base": base_url, "api_key": "os.environ/UPSTREAM_KEY", "max_retries": 0}
    entries = [
        {"model_name": name, "litellm_params": {**common, **(given if isinstance(given, dict) else {"model": given})}}
        for name, given in MODELS.items()
    ]
    document = {
        "model_list": entries,
        "general_settings": {
            "master_key": "os.environ/MASTER_KEY",
            "keys": [{"name": "narrow", "key": "os.environ/NARROW_KEY", "models": ["m"]}],
            "timeouts": {"head": 1.0, "body": 1.0, "write": 1.0, "keep_alive": 5.0},
            "limits": {"max_body": "20MB", "max_json_body": "4MB"},
            "drain_timeout": 1.0,
        },
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(document))  # JSON is YAML
    return path


@contextlib.contextmanager
def served(config: Path, *flags: str) -> Iterator[Hostile]:
    keys = {"MASTER_KEY": MASTER, "NARROW_KEY": NARROW, "UPSTREAM_KEY": UPSTREAM_KEY}
    arguments = ("serve", "--config", str(config), *flags)
    with gateway_process(*arguments, folder=config.parent, environment=keys) as gateway:
        gateway.wait_started()
        yield Hostile(gateway.process, gateway.port, gateway.out, gateway.err)
        gateway.stop()


@pytest.fixture(scope="session")
def shared_upstream() -> Iterator[FakeUpstream]:
    with fake_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def shared_gateway(shared_upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    config = config_of(shared_upstream.base_url, tmp_path_factory.mktemp("hostile"))
    with served(config, "--detailed_debug") as gateway:
        yield gateway


@pytest.fixture
def upstream(shared_upstream: FakeUpstream) -> FakeUpstream:
    """The upstream, as new: it answers a plain chat, and has received nothing."""
    shared_upstream.answers.clear()
    shared_upstream.received.clear()
    shared_upstream.disconnected.clear()
    shared_upstream.otherwise = Answer.json(WHOLE)
    return shared_upstream


@pytest.fixture
def gateway(shared_gateway: Hostile, upstream: FakeUpstream) -> Iterator[Hostile]:
    """The gateway; after the test it must serve as before."""
    yield shared_gateway
    upstream.answers.clear()
    upstream.otherwise = Answer.json(WHOLE)
    assert shared_gateway.process.poll() is None
    assert shared_gateway.chat().status == 200
