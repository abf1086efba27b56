"""Follow a page as its reader would, in an empty folder: save its configs, start its gateways, run its commands.

A YAML block is `config.yaml` from there on. A block of shell runs under `bash -e`; a last line that starts a
gateway starts a real one, on a port of its own, which the blocks below talk to; one that is not started by the
page is started with the config that was saved last. The upstream is on the loopback.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from llmgate_gateway.config import GatewayConfig, load_config

from llmgate_core.testing import FakeUpstream
from tests.support.gateway_pages import Block
from tests.support.gateway_process import GatewayProcess, clean_environment

__all__ = ["ANY", "Story", "agrees", "put_curl_on_path"]

ANY = "…"
"""In an output: whatever stands here."""
STARTS = re.compile(r"llmgate (?:serve|--config|--model)\b[^|&;]*")
ADDRESS = re.compile(r"http://(?:127\.0\.0\.1|localhost):(?:4000|8000)")
PROCESS = "$GATEWAY_PID"
REFERENCE = re.compile(r"os\.environ/(\w+)")
INSTALLS = re.compile(r"^pip install .*$", re.MULTILINE)
PATIENCE_SECONDS = 120
ONE_MODEL: dict[str, Any] = {"model_list": [{"model_name": "gpt-4o", "params": {"model": "openai/gpt-4o"}}]}
KEY = "sk-story-5d2f9c0e7b1a4836"


class Story:
    """One page, read from its top."""

    def __init__(self, folder: Path, upstream: FakeUpstream) -> None:
        self.folder = folder
        addresses = dict.fromkeys(("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "CODER_API_BASE"), upstream.base_url)
        self.environment = clean_environment(OPENAI_API_KEY=KEY, **addresses)
        self.gateways: list[GatewayProcess] = []
        put_curl_on_path(folder, self.environment)

    def config(self, block: Block) -> GatewayConfig:
        """Save a block as `config.yaml`, with a model to serve where it has none, and load it."""
        content = yaml.safe_load(block.text)
        text = block.text if "model_list" in content else f"{block.text}\n{yaml.safe_dump(ONE_MODEL)}"
        path = self.folder / "config.yaml"
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        for name in REFERENCE.findall(text):
            self.environment.setdefault(name, f"{KEY}-{name}")
        self._stop()
        return load_config(path, environment=self.environment, plugins=True)

    def shell(self, block: Block) -> str:
        """Run a block of shell; return what it prints, or what the gateway that it starts says first."""
        text = INSTALLS.sub("", block.text)
        *before, last = text.rstrip().split("\n") if text.strip() else [""]
        if STARTS.fullmatch(last):
            self._run("\n".join(before))
            return self._start(last, lines=(block.output or "").count("\n"))
        return self._run(text)

    def program(self, block: Block) -> str:
        """Run a program, and return what it prints."""
        path = self.folder / "program.py"
        path.write_text(self._addressed(block.text), "utf-8")
        return self._done([sys.executable, path.name])

    def close(self) -> None:
        """End what was started."""
        self._stop()
        for gateway in self.gateways:
            gateway.close()

    def _run(self, text: str) -> str:
        if not text.strip():
            return ""
        kept = self.folder / ".environment"
        printed = self._done(["bash", "-e", "-c", f'{self._addressed(text)}\nenv -0 > "{kept}"'])
        self.environment = dict(entry.split("=", 1) for entry in kept.read_text("utf-8").split("\0") if "=" in entry)
        if f"kill -TERM {PROCESS}" in text:
            assert self.gateways[-1].end() == 0
        return printed

    def _done(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}"
        return self._as_written(done.stdout)

    def _start(self, command: str, *, lines: int = 0) -> str:
        self._stop()
        words = command.split()[1:]
        environment = {name: value for name, value in self.environment.items() if os.environ.get(name) != value}
        gateway = GatewayProcess([*words, "--port", "0"], folder=self.folder, environment=environment)
        self.gateways.append(gateway)
        gateway.wait_line("models: ")
        gateway.wait_lines(lines)
        return self._as_written("".join(gateway.err))

    def _stop(self) -> None:
        if self.gateways and self.gateways[-1].process.poll() is None:
            assert self.gateways[-1].stop() == 0, self.gateways[-1].err

    def _addressed(self, text: str) -> str:
        """Return a text with the address of the gateway that runs, and its process id for `$GATEWAY_PID`."""
        if not ADDRESS.search(text) and PROCESS not in text:
            return text
        if not self.gateways or self.gateways[-1].process.poll() is not None:
            self._start("llmgate serve --config config.yaml")
        gateway = self.gateways[-1]
        return ADDRESS.sub(gateway.url, text).replace(PROCESS, str(gateway.process.pid))

    def _as_written(self, printed: str) -> str:
        for gateway in self.gateways[-1:]:
            printed = printed.replace(gateway.url, "http://127.0.0.1:4000")
        return printed


def put_curl_on_path(folder: Path, environment: dict[str, str]) -> None:
    """Make `curl` a command on a machine that has none."""
    if shutil.which("curl") is not None:
        return
    tools = folder / ".tools"
    tools.mkdir()
    script = tools / "curl"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("curl.py")}" "$@"\n', "utf-8")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"


def agrees(block: Block, printed: str) -> bool:
    """Return whether what a block printed is what the page says, `…` standing for anything."""
    said = block.output or ""
    if block.output_language == "json":
        return _same(json.loads(said), json.loads(printed))
    return _fits(said.strip(), printed.strip().replace("\r\n", "\n"))


def _fits(said: str, printed: str) -> bool:
    pattern = ".*".join(re.escape(piece) for piece in said.split(ANY))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def _same(said: Any, given: Any) -> bool:
    if said == ANY:
        return True
    if isinstance(said, str) and isinstance(given, str):
        return _fits(said, given)
    if isinstance(said, dict) and isinstance(given, dict):
        names = [name for name in said if name != ANY]
        fits = ANY in said or said.keys() == given.keys()
        return fits and all(name in given and _same(said[name], given[name]) for name in names)
    if isinstance(said, list) and isinstance(given, list):
        return len(said) == len(given) and all(_same(*pair) for pair in zip(said, given, strict=True))
    return bool(said == given)
