"""Starting and ending of child processes. Most children here are small scripts of their own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from llmgate_local.child import ModelServer
from llmgate_local.commands import chat_command

from llmgate_core.plugin import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEALTHY = """
import http.server, json, os, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *args): pass
sys.stdin.readline()
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"port": server.server_port}), flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
"""

PARENT = """
import os, sys, threading
from llmgate_local.child import ModelServer
from llmgate_local.commands import chat_command
server = ModelServer("smollm2", chat_command)
server.start().result(60)
print(server.process_id, flush=True)
held = os.dup(server._child.process.stdin.fileno()) if sys.argv[1] == "fork with the pipe" else None
if sys.argv[1] != "alone" and os.fork() == 0:
    print(os.getpid(), server.process_id, server.running(), flush=True)
threading.Event().wait()
"""


def python(code: str) -> Callable[[], list[str]]:
    return lambda: [sys.executable, "-c", code]


def wait_for_end(process_id: int, seconds: float) -> bool:
    """Wait for the end of a process that need not be our child."""
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def test_a_child_that_ends_while_starting_gives_an_error_with_the_end_of_its_log() -> None:
    server = ModelServer("tiny", python("import sys; sys.stderr.write('one\\ntwo\\n'); sys.exit(7)"))

    with pytest.raises(errors.APIConnectionError) as caught:
        server.start().result(20)

    assert all(words in str(caught.value) for words in ("tiny", "status 7", "\n  one\n  two"))
    assert (caught.value.code, caught.value.phase, caught.value.provider) == ("connect", "connect", "local")
    assert server.process_id is None


def test_a_child_that_never_gets_ready_is_ended_at_the_deadline() -> None:
    server = ModelServer("tiny", python("import threading; threading.Event().wait()"), start_seconds=0.5)

    with pytest.raises(errors.APIConnectionError, match=r"0\.5 s.*-9"):
        server.start().result(20)

    assert server.process_id is None


def test_a_program_that_cannot_be_run_gives_a_typed_error() -> None:
    server = ModelServer("tiny", lambda: ["/there/is/no/such/program"])

    with pytest.raises(errors.APIConnectionError, match=r"tiny.*\[Errno 2\]") as caught:
        server.start().result(20)

    assert (caught.value.code, caught.value.phase, server.process_id) == ("connect", "connect", None)


def test_two_threads_at_once_start_one_child() -> None:
    starts: list[int] = []

    def command() -> list[str]:
        starts.append(1)
        return python(HEALTHY)()

    server = ModelServer("tiny", command)
    barrier = threading.Barrier(8)

    def start(_: int) -> object:
        barrier.wait(10)
        return server.start().result(20)

    with ThreadPoolExecutor(8) as pool:
        addresses = list(pool.map(start, range(8)))
    server.stop()

    assert starts == [1]
    assert len(set(addresses)) == 1


def test_a_child_that_died_is_started_again_by_the_next_call(capsys: pytest.CaptureFixture[str]) -> None:
    server = ModelServer("tiny", python(HEALTHY))
    first = server.start().result(20)
    process_id = server.process_id
    assert process_id is not None
    assert server.running() == first

    os.kill(process_id, signal.SIGKILL)
    assert wait_for_end(process_id, 10)
    assert server.running() is None
    second = server.start().result(20)

    assert server.running() == second != first
    server.stop()
    assert server.running() is None
    assert "the tiny server ended with status -9" in capsys.readouterr().err


def test_a_failed_start_is_tried_again_by_the_next_call() -> None:
    codes = iter(["raise SystemExit(1)", HEALTHY])

    def command() -> list[str]:
        return [sys.executable, "-c", next(codes)]

    server = ModelServer("tiny", command)

    with pytest.raises(errors.APIConnectionError):
        server.start().result(20)
    server.start().result(20)

    assert server.running() is not None
    server.stop()


def test_the_start_says_what_it_does_in_whole_lines_unless_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ModelServer("tiny", python(HEALTHY))
    server.start().result(20)
    server.stop()
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(" in ")[0] for line in err.splitlines()] == [
        "llmgate local: starting the tiny server ...",
        "llmgate local: ... ready",
    ]

    monkeypatch.setenv("LLMGATE_LOCAL_QUIET", "1")
    server.start().result(20)
    server.stop()
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_a_broken_weights_file_gives_a_typed_error_that_names_it(weights: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"this is no model" * 100)
    command = [argument.replace(str(weights), str(broken)) for argument in chat_command()]
    server = ModelServer("smollm2", lambda: command)

    with pytest.raises(errors.APIConnectionError) as caught:
        server.start().result(60)

    assert "smollm2" in str(caught.value)
    assert f"failed to load model, '{broken}'" in str(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for another's child")
@pytest.mark.parametrize("mode", ["alone", "fork", "fork with the pipe"])
def test_the_child_ends_when_its_parent_is_killed(weights: Path, mode: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, mode], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        fork, *state = ("0", "None", "None") if mode == "alone" else parent.stdout.readline().split()
        parent.kill()
        ended = wait_for_end(child, 10)
        if mode != "alone":
            os.kill(int(fork), signal.SIGKILL)

    assert ended
    assert state == ["None", "None"]  # a copy of the parent knows nothing of the child
