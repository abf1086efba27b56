"""The same models behind `llmgate serve`, called with curl and the official SDKs of OpenAI and Anthropic.

    python demo/gateway_tour.py

Exit status 0: all steps passed and the server stopped cleanly. 1: a step failed, and says how.
"""

# ruff: noqa: T201 - this is a program that prints

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from anthropic import Anthropic, AnthropicError
from openai import OpenAI, OpenAIError
from shown_call import shown_method

HERE = Path(__file__).parent
KEY = f"sk-demo-{secrets.token_hex(12)}"
LISTENING = "listening on "
START_SECONDS, STOP_SECONDS = 60, 20
MODEL = "gpt-4o-mini"
QUESTION = "Write one sentence about the sea."


class WrongAnswerError(Exception):
    """A step's answer is not the expected one."""


def show(text: object) -> None:
    """Print below the step's title."""
    print(f"   {text}", flush=True)


def check(expected: str, holds: object) -> None:
    """Raise WrongAnswerError, which fails the step, unless the expectation holds."""
    if not holds:
        raise WrongAnswerError(f"expected {expected}")


@contextmanager
def gateway() -> Iterator[str]:
    """Run the server on a free port and yield its URL. It must exit with status 0 on SIGTERM."""
    command = [sys.executable, "-m", "llmgate_core", "serve", "--config", str(HERE / "gateway.yaml"), "--port", "0"]
    show("$ llmgate " + " ".join(command[3:]))
    server = subprocess.Popen(  # noqa: S603  # our own server, in this Python
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=HERE,  # `python -m` imports from the directory that it is started in
        env={**os.environ, "DEMO_MASTER_KEY": KEY},
    )
    try:
        yield _url_of(server)
        server.send_signal(signal.SIGTERM)
        check("exit status 0 after SIGTERM", server.wait(STOP_SECONDS) == 0)
    finally:
        server.kill()
        server.wait()


def _url_of(server: subprocess.Popen[str]) -> str:
    """Return the URL that the server logs when it listens; show its lines up to there."""
    lines = server.stderr or ()
    for line in lines:
        show(line.rstrip())
        if LISTENING in line:
            threading.Thread(target=_drain, args=(server,), daemon=True).start()
            return line.partition(LISTENING)[2].split()[0]
    raise WrongAnswerError(f"expected a line with {LISTENING!r}; the server ended with status {server.wait()}")


def _drain(server: subprocess.Popen[str]) -> None:
    """Read the server's log to its end: the server would block once the pipe is full."""
    for _ in server.stderr or ():
        pass


def curl_chat(url: str, _: OpenAI) -> None:
    """Chat with curl, on a path without /v1."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 32, "temperature": 0}
    if shutil.which("curl") is None:
        show("(skipped: curl is not installed)")
        return
    command = ["curl", "-sS", f"{url}/chat/completions", "-H", "content-type: application/json"]
    command += ["-d", json.dumps(body)]
    show(f"$ {shlex.join(command)} -H 'authorization: Bearer KEY'")
    done = subprocess.run(  # noqa: S603  # curl, with our own body
        [*command, "-H", f"authorization: Bearer {KEY}"],
        capture_output=True,
        text=True,
        check=True,
    )
    text = json.loads(done.stdout)["choices"][0]["message"]["content"]
    show(text)
    check("text", text)


def streamed_chat(_: str, client: OpenAI) -> None:
    """Stream a chat through the official SDK."""
    messages = [{"role": "user", "content": QUESTION}]
    path = "chat.completions.create"
    stream = shown_method(client, path, model=MODEL, messages=messages, max_tokens=32, temperature=0, stream=True)
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    show(f"{''.join(pieces)}  ({len(pieces)} chunks)")
    check("several chunks", len(pieces) > 2)


def streamed_response(_: str, client: OpenAI) -> None:
    """Use the SDK's helper that follows every event of a response; a stream straight from llama.cpp breaks it."""
    options = {"model": MODEL, "input": QUESTION, "max_output_tokens": 32, "temperature": 0}
    with shown_method(client, "responses.stream", **options) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    show(f"{response.output_text}  ({len(kinds)} events)")
    check("text and the final event", response.output_text and kinds[-1] == "response.completed")


def bridged_chat(_: str, client: OpenAI) -> None:
    """Chat with a deployment that is served by the Responses API; a header carries the ledger."""
    messages = [{"role": "user", "content": QUESTION}]
    path = "chat.completions.with_raw_response.create"
    raw = shown_method(client, path, model=f"{MODEL}-bridged", messages=messages, max_tokens=32, temperature=0)
    show(raw.parse().choices[0].message.content)
    show(f"x-llmgate-ledger: {raw.headers.get('x-llmgate-ledger')}")
    check("the bridge in the ledger", "bridged" in raw.headers.get("x-llmgate-ledger", ""))


def embeddings(_: str, client: OpenAI) -> None:
    """Turn sentences into vectors."""
    sentences = ["one sentence", "another"]
    rows = shown_method(client, "embeddings.create", model="text-embedding-3-small", input=sentences).data
    show(f"{len(rows)} vectors of {len(rows[0].embedding)} numbers")
    check("two vectors", len(rows) == 2 and any(rows[0].embedding))


def transcription(_: str, client: OpenAI) -> None:
    """Upload a recording."""
    with (HERE / "speech.wav").open("rb") as recording:
        text = shown_method(client, "audio.transcriptions.create", model="whisper-1", file=recording).text
    show(repr(text))
    check("the lazy dog", "lazy dog" in text.lower())


def claude_messages(url: str, _: OpenAI) -> None:
    """Stream a message through Anthropic's SDK, as Claude Code does, from a model that is no Claude."""
    show(f">>> client = Anthropic(base_url={url!r}, api_key=KEY, max_retries=0)")
    client = Anthropic(base_url=url, api_key=KEY, max_retries=0)
    messages = [{"role": "user", "content": QUESTION}]
    with shown_method(client, "messages.stream", model=MODEL, messages=messages, max_tokens=32) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    show(f"{message.content[0].text}  ({len(kinds)} events, {message.usage.output_tokens} tokens)")
    check("text and the final event", message.content[0].text and kinds[-1] == "message_stop")


def refused(url: str, _: OpenAI) -> None:
    """Use a wrong key."""
    show(f">>> client = OpenAI(base_url={url!r}, api_key='sk-wrong', max_retries=0)")
    try:
        shown_method(OpenAI(base_url=url, api_key="sk-wrong", max_retries=0), "models.list")
    except OpenAIError as error:
        show(error)
        check("status 401", getattr(error, "status_code", None) == 401)
    else:
        raise WrongAnswerError("expected a refusal")


STEPS: tuple[Callable[[str, OpenAI], None], ...] = (
    curl_chat,
    streamed_chat,
    streamed_response,
    bridged_chat,
    claude_messages,
    embeddings,
    transcription,
    refused,
)


def main() -> int:
    """Run the steps against one server."""
    try:
        print("1. the gateway starts")
        with gateway() as url:
            show(f">>> client = OpenAI(base_url={url!r}, api_key=KEY, max_retries=0)")
            client = OpenAI(base_url=url, api_key=KEY, max_retries=0)
            for number, step in enumerate(STEPS, 2):
                print(f"{number}. {step.__name__.replace('_', ' ')}")
                started = time.monotonic()
                step(url, client)
                show(f"{time.monotonic() - started:.2f} s")
        print("the gateway stopped; all steps passed")
    except (
        OpenAIError,
        AnthropicError,
        WrongAnswerError,
        subprocess.SubprocessError,
        OSError,
        LookupError,
        ValueError,
    ) as error:
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
