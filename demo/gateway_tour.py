"""The same models behind `llmgate serve`: a server of its own, driven with curl and the official OpenAI SDK.

    python demo/gateway_tour.py

Exit status 0: all steps passed and the server stopped cleanly. 1: a step failed, and says how.
"""

# ruff: noqa: T201 - this is a program that prints

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from openai import OpenAI, OpenAIError

HERE = Path(__file__).parent
KEY = f"sk-demo-{secrets.token_hex(12)}"
LISTENING = "listening on "
START_SECONDS, STOP_SECONDS = 60, 20
MODEL = "gpt-4o-mini"
QUESTION = "Write one sentence about the sea."


class WrongAnswerError(Exception):
    """A step's answer is not what it should be."""


def show(text: object) -> None:
    """Print below the step's title."""
    print(f"   {text}", flush=True)


def check(what: str, holds: object) -> None:
    """Fail the step, unless what was expected holds."""
    if not holds:
        raise WrongAnswerError(f"expected {what}")


@contextmanager
def gateway() -> Iterator[str]:
    """Run the server on a free port; give its URL. It must stop by itself when it is told to."""
    command = [sys.executable, "-m", "llmgate_core", "serve", "--config", str(HERE / "gateway.yaml"), "--port", "0"]
    show("$ llmgate " + " ".join(command[3:]))
    server = subprocess.Popen(  # noqa: S603  # our own server, in this Python
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
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
    """Read what the server says until it says where it listens."""
    lines = server.stderr or ()
    for line in lines:
        show(line.rstrip())
        if LISTENING in line:
            threading.Thread(target=_drain, args=(server,), daemon=True).start()
            return line.partition(LISTENING)[2].split()[0]
    raise WrongAnswerError(f"expected a line with {LISTENING!r}; the server ended with status {server.wait()}")


def _drain(server: subprocess.Popen[str]) -> None:
    """Read the server's log to its end: a pipe that nobody reads fills up, and its lines are lost."""
    for _ in server.stderr or ():
        pass


def curl_chat(url: str, _: OpenAI) -> None:
    """Send what the page's curl examples send, to a path without /v1."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": QUESTION}], "max_tokens": 32, "temperature": 0}
    if shutil.which("curl") is None:
        show("(there is no curl on this machine: skipped)")
        return
    command = ["curl", "-sS", f"{url}/chat/completions", "-H", "content-type: application/json"]
    done = subprocess.run(  # noqa: S603  # curl, with a body of our own
        [*command, "-H", f"authorization: Bearer {KEY}", "-d", json.dumps(body)],
        capture_output=True,
        text=True,
        check=True,
    )
    text = json.loads(done.stdout)["choices"][0]["message"]["content"]
    show(text)
    check("some text", text)


def streamed_chat(_: str, client: OpenAI) -> None:
    """Stream a chat through the official SDK."""
    stream = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": QUESTION}], max_tokens=32, temperature=0, stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    show(f"{''.join(pieces)}  ({len(pieces)} chunks)")
    check("several chunks", len(pieces) > 2)


def streamed_response(_: str, client: OpenAI) -> None:
    """Use the SDK's helper that follows every event of a response; llama.cpp's own stream breaks it, ours does not."""
    with client.responses.stream(model=MODEL, input=QUESTION, max_output_tokens=32, temperature=0) as stream:
        kinds = [event.type for event in stream]
        response = stream.get_final_response()
    show(f"{response.output_text}  ({len(kinds)} events)")
    check("some text and its end", response.output_text and kinds[-1] == "response.completed")


def bridged_chat(_: str, client: OpenAI) -> None:
    """Chat with a deployment that is served by the Responses API; the ledger comes in a header."""
    raw = client.chat.completions.with_raw_response.create(
        model=f"{MODEL}-bridged", messages=[{"role": "user", "content": QUESTION}], max_tokens=32, temperature=0
    )
    show(raw.parse().choices[0].message.content)
    show(f"x-llmgate-ledger: {raw.headers.get('x-llmgate-ledger')}")
    check("the bridge in the ledger", "bridged" in raw.headers.get("x-llmgate-ledger", ""))


def embeddings(_: str, client: OpenAI) -> None:
    """Turn texts into vectors."""
    rows = client.embeddings.create(model="text-embedding-3-small", input=["one text", "another"]).data
    show(f"{len(rows)} vectors of {len(rows[0].embedding)} numbers")
    check("two vectors", len(rows) == 2 and any(rows[0].embedding))


def transcription(_: str, client: OpenAI) -> None:
    """Upload a recording."""
    with (HERE / "speech.wav").open("rb") as recording:
        text = client.audio.transcriptions.create(model="whisper-1", file=recording).text
    show(repr(text))
    check("the lazy dog", "lazy dog" in text.lower())


def refused(url: str, _: OpenAI) -> None:
    """Come with a wrong key."""
    try:
        OpenAI(base_url=url, api_key="sk-wrong", max_retries=0).models.list()
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
    embeddings,
    transcription,
    refused,
)


def main() -> int:
    """Run the steps against one server."""
    try:
        print("1. the gateway starts")
        with gateway() as url:
            client = OpenAI(base_url=url, api_key=KEY, max_retries=0)
            for number, step in enumerate(STEPS, 2):
                print(f"{number}. {step.__name__.replace('_', ' ')}")
                started = time.monotonic()
                step(url, client)
                show(f"{time.monotonic() - started:.2f} s")
        print("the gateway stopped; all steps passed")
    except (OpenAIError, WrongAnswerError, subprocess.SubprocessError, OSError, LookupError, ValueError) as error:
        print(f"failed: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
