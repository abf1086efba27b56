"""Claude Code as a program without a screen, and what it says to a gateway and hears from it.

It is installed by `make claude-code`, since it is large; it has a home of its own, and its settings let it call only
its gateway.

Source: code.claude.com/docs/en/llm-gateway-connect and /docs/en/settings for the variables.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from llmgate_core.testing import Answer, ReceivedRequest
from tests.support.paths import ROOT

__all__ = ["Recorder", "ask_claude_code", "claude_code"]

FOLDER = ROOT / "build" / "claude-code" / "node_modules" / "@anthropic-ai"
RUN_SECONDS = 60
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
}
KEPT = ("content-type", "request-id", "retry-after", "x-should-retry", "x-llmgate-ledger")


def claude_code() -> Path | None:
    """Return the program for this machine; None: it is not installed."""
    return next((path for path in FOLDER.glob("claude-code-*/claude") if sys.platform.startswith("linux")), None)


class Recorder:
    """Stands between a client and a gateway: passes each request on, and keeps it with its answer.

    Attributes:
        exchanges: path, body of the request, status and content of the answer.
    """

    def __init__(self, gateway_url: str) -> None:
        self.exchanges: list[tuple[str, Any, int, bytes]] = []
        self._url = gateway_url

    def __call__(self, request: ReceivedRequest) -> Answer:
        """Return the gateway's answer."""
        headers = {name: value for name, value in request["headers"].items() if name not in ("host", "content-length")}
        answer = httpx.request(
            request["method"],
            self._url + request["path"],
            headers=headers,
            content=request["body"],
            timeout=RUN_SECONDS,
            trust_env=False,
        )
        self.exchanges.append((request["path"], request["json"], answer.status_code, answer.content))
        kept = {name: answer.headers[name] for name in KEPT if name in answer.headers}
        return Answer(answer.status_code, answer.content, kept)


def ask_claude_code(question: str, *, folder: Path, environment: Mapping[str, str], tools: str = "Bash") -> Any:
    """Return the result of one question, as `--output-format json` prints it.

    Args:
        question: what it is to do.
        folder: where it works; its home is beside it.
        environment: the variables that lead it to a gateway.
        tools: what it may use without asking.
    """
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [str(claude_code()), "-p", question, "--output-format", "json", "--allowedTools", tools],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **QUIET, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)
