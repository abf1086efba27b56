"""The one door to the terminal: what it shows of control characters, and that nothing else prints."""

from __future__ import annotations

import ast
import os
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmgate_core.terminal import one_line, printable
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.caller import chat, chunk
from tests.support.paths import ROOT

if sys.platform != "win32":
    import pty

HOSTILE = "\x1b]0;PWNED\x07\x1b]52;c;cm0gLXJm\x07hi\x1b[31m\x9b2J\x7f\u202e\u2066\r\n\tend"
SHOWN = "\\u001b]0;PWNED\\u0007\\u001b]52;c;cm0gLXJm\\u0007hi\\u001b[31m\\u009b2J\\u007f\\u202e\\u2066\\u000d\n\tend"
PROGRAM = str(Path(sys.executable).with_name("llmgate"))
KEY = "sk-canary-1234567890"
ANYWHERE = [ROOT / "llmgate_core", *ROOT.glob("plugins/*/llmgate_*")]
DOOR = ROOT / "llmgate_core" / "terminal.py"


def environment(upstream: FakeUpstream) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LLMGATE_"))}
    return {**clean, "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": upstream.base_url}


def llmgate(upstream: FakeUpstream, *arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    settings: dict[str, object] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "timeout": 60}
    if "stdout" not in options:
        settings["stdout"] = subprocess.PIPE
    return subprocess.run([PROGRAM, *arguments], env=environment(upstream), **{**settings, **options})  # type: ignore[call-overload,no-any-return]


def on_a_terminal(upstream: FakeUpstream, *arguments: str) -> str:
    """Return what a terminal receives on standard output."""
    try:
        ours, theirs = pty.openpty()
    except OSError as error:  # a container may have none
        pytest.skip(f"needs a pseudo-terminal: {error}")
    with subprocess.Popen(
        [PROGRAM, *arguments], env=environment(upstream), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        content = b""
        ends = time.monotonic() + 60
        while select.select([ours], [], [], max(0.0, ends - time.monotonic()))[0]:
            try:
                block = os.read(ours, 4096)
            except OSError:  # EIO: the other side is closed
                break
            if not block:
                break
            content += block
        process.kill()
    os.close(ours)
    return content.decode().replace("\r\n", "\n")


def test_every_control_but_line_feed_and_tab_is_shown_as_its_escape() -> None:
    assert printable(HOSTILE) == SHOWN
    controls = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"]
    assert [control for control in controls if control in printable("".join(controls))] == []
    assert printable("Grüße, 世界 \U0001f600\n") == "Grüße, 世界 \U0001f600\n"


def test_an_error_is_one_line_whatever_is_in_it() -> None:
    assert one_line("a\r\nFAKE LINE\n\n  b\x1b[2J\u2028c") == "a | FAKE LINE | b\\u001b[2J | c"
    assert one_line("  indented\n") == "  indented"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("arguments", [(), ("--no-stream",), ("--json",)], ids=["stream", "whole", "json"])
def test_an_answer_moves_no_cursor_of_a_terminal(upstream: FakeUpstream, arguments: tuple[str, ...]) -> None:
    if "--no-stream" in arguments:
        upstream.answers.append(Answer.json(chat(HOSTILE)))
    else:
        cut = 1  # behind the first escape character
        upstream.answers.append(Answer.sse([chunk(HOSTILE[:cut]), chunk(HOSTILE[cut:], "stop")]))

    shown = on_a_terminal(upstream, "chat", "openai/gpt-4o", "hello", *arguments)

    assert "PWNED" in shown
    assert shown.isprintable() or set(shown) - set("\n\t") == {c for c in shown if c.isprintable()}


def test_a_pipe_gets_the_answer_as_it_is(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([chunk(HOSTILE, "stop")]))

    done = llmgate(upstream, "chat", "openai/gpt-4o", "hello")

    assert done.stdout.decode().replace(os.linesep, "\n") == f"{HOSTILE}\n"


def test_an_upstreams_error_is_one_line_without_escapes_in_a_pipe_too(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.json({"error": {"message": "no\x1b[2J\r\nFAKE LOG LINE\u202e"}}, 400))

    done = llmgate(upstream, "chat", "openai/gpt-4o", "hello")

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"llmgate: no\\u001b[2J | FAKE LOG LINE\\u202e")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [("models",), ("plugins",), ("explain", "gpt-4o"), ("doctor",), ("--help",), ("--version",), ("config", "schema")],
    ids=" ".join,
)
def test_a_full_device_is_one_line_and_a_status(upstream: FakeUpstream, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = llmgate(upstream, *arguments, stdout=full)

    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("interpreter:")]
    assert (done.returncode, len(lines)) == (1, 1)
    assert lines[0].startswith("llmgate: standard output cannot be written: ")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("redirection", "status", "error"),
    [
        (">&-", 1, b"llmgate: standard output cannot be written: it is closed\n"),
        ("2>&-", 0, b""),
        ("<&-", 0, b""),
        ("| head -n 1", 0, b""),
    ],
)
def test_a_closed_stream_gives_no_traceback(
    upstream: FakeUpstream, redirection: str, status: int, error: bytes
) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(PROGRAM)} models {redirection}"],
        env=environment(upstream),
        capture_output=True,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (status, error)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_prompt_from_a_closed_standard_input_is_missing(upstream: FakeUpstream) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(PROGRAM)} chat openai/gpt-4o <&-"],
        env=environment(upstream), capture_output=True, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"llmgate: there is no prompt")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX"])
def test_input_that_is_not_text_is_one_line_and_a_status(upstream: FakeUpstream, locale: str) -> None:
    done = subprocess.run(
        [PROGRAM, "chat", "openai/gpt-4o"],
        env={**environment(upstream), "LC_ALL": locale},
        input=b"caf\xe9",
        capture_output=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"llmgate: standard input is not utf-8 text: see byte 3")
    assert done.stderr.count(b"\n") == 1
    assert upstream.received == []


def test_an_argument_that_is_not_text_is_one_line_and_a_status(upstream: FakeUpstream) -> None:
    for arguments in ([b"caf\xe9"], [b"hi", b"--system", b"\xff"], [b"hi", b"--param", b"user=\xff"]):
        done = subprocess.run(
            [os.fsencode(PROGRAM), b"chat", b"openai/gpt-4o", *arguments],
            env={**environment(upstream), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode in (1, 2)
        assert done.stderr.startswith(b"llmgate: ")
        assert done.stderr.count(b"\n") == 1
        assert upstream.received == []


def test_a_character_that_the_terminal_lacks_is_escaped(upstream: FakeUpstream) -> None:
    upstream.answers.append(Answer.sse([chunk("Grüße 世界", "stop")]))
    settings = {**environment(upstream), "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}

    done = subprocess.run(
        [PROGRAM, "chat", "openai/gpt-4o", "hi"],
        env=settings, capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("latin-1").rstrip() == "Grüße \\u4e16\\u754c"


def is_print(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id == "print"
    called = ast.unparse(node.func)
    return called.startswith(("sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer", "sys.stderr.buffer"))


def test_nothing_that_we_publish_prints_past_the_door() -> None:
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ANYWHERE
        for path in sorted(folder.rglob("*.py"))
        if path != DOOR
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if is_print(node) and isinstance(node, ast.Call)
    ]
    assert offenders == []


def test_the_commands_do_not_take_the_streams_in_another_way() -> None:
    folders = [ROOT / "llmgate_core" / "cli", ROOT / "plugins" / "gateway" / "llmgate_gateway" / "commands"]
    reads: Callable[[str], bool] = lambda text: "sys.stdout" in text or "sys.stderr" in text  # noqa: E731
    offenders = [path.name for folder in folders for path in folder.rglob("*.py") if reads(path.read_text("utf-8"))]
    assert offenders == ["__init__.py"]  # it asks argparse which of the two is meant
