"""A process without a free file descriptor: its own limit is named, not the upstream."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llmgate_core.testing import FakeUpstream

pytest.importorskip("resource")

PROGRAM = """
import asyncio, os, resource, sys
import httpx
from llmgate_core import APIConnectionError, AsyncClient, Client, Settings

base, transport, style = sys.argv[1:]
known = {"api_key": "sk-x", "api_base": base, "max_retries": 0, "settings": Settings()}
own = {}
if transport == "own client":
    own = {"client_session": httpx.Client(), "aclient_session": httpx.AsyncClient()}
else:
    known["transport"] = transport
loop = asyncio.new_event_loop()
client = (Client if style == "sync" else AsyncClient)(**known, **own)
HI = [{"role": "user", "content": "hi"}]


def failure(port):
    try:
        answer = client.completion("openai/gpt-4o", HI, api_base=base.replace(":1/", f":{port}/"))
        return answer if style == "sync" else loop.run_until_complete(answer)
    except APIConnectionError as error:
        return error


assert failure(1).code == "connect"  # everything is imported, and no one listens there
resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
error = failure(os.environ["PORT"])
for name in taken:
    os.close(name)
print(error.code, error.phase, "64" in error.message)
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("transport", ["http1", "httpx", "own client"])
@pytest.mark.parametrize("style", ["sync", "async"])
def test_the_limit_of_open_files_is_named(style: str, transport: str, host: str, upstream: FakeUpstream) -> None:
    arguments = [sys.executable, "-c", PROGRAM, f"http://{host}:1/v1", transport, style]
    environment = {"PORT": str(upstream.port), "PATH": ""}
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert ended.stdout == "out_of_descriptors connect True\n", ended.stderr
    assert upstream.received == []
