"""Signals at moments when no handler is there yet: while plugins are imported, and around each fork.

A plugin holds those moments open: its import, and a hook of `os.fork` that it registers, wait for a file to vanish.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

HOLDING_PLUGIN = """
import os
import time
from pathlib import Path
from llmgate_core.plugin import OpenAICompatible, ProviderInfo

HOLDS = Path(os.environ["HOLDS"])

def hold(moment):
    if (HOLDS / moment).exists():
        (HOLDS / f"{moment}-held-{os.getpid()}").touch()
        while (HOLDS / moment).exists():
            time.sleep(0.01)

class Holding(OpenAICompatible):
    info = ProviderInfo(api=(1, 0), name="holding", base_url="http://127.0.0.1:9", env_key="HOLDING_API_KEY")

plugin = Holding()
hold("import")
os.register_at_fork(after_in_child=lambda: hold("fork"))
"""


class Holds:
    """The moments at which a gateway waits."""

    def __init__(self, gateways: Any, folder: Path) -> None:
        packages, self._folder, self._gateways = folder / "site", folder / "holds", gateways
        metadata = packages / "llmgate_holding-1.0.dist-info"
        metadata.mkdir(parents=True)
        self._folder.mkdir()
        (packages / "llmgate_holding.py").write_text(HOLDING_PLUGIN)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: llmgate-holding\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text("[llmgate.chat]\nholding = llmgate_holding:plugin\n")
        gateways.config.write_text(
            "model_list:\n  - {model_name: m, litellm_params: {model: holding/x, api_key: sk-holding-0123456789}}\n"
            "general_settings: {drain_timeout: 600}\n"
        )
        self._environment = {"PYTHONPATH": str(packages), "HOLDS": str(self._folder)}

    def start(self, *flags: str, wait: bool) -> Any:
        return self._gateways.start(*flags, wait=wait, **self._environment)

    def set(self, moment: str) -> None:
        (self._folder / moment).touch()

    def wait(self, moment: str, count: int = 1) -> list[int]:
        """Wait until that many processes are held, and return them."""
        held = self._gateways.until(
            lambda: len(found := list(self._folder.glob(f"{moment}-held-*"))) >= count and found, 30
        )
        return [int(path.name.rpartition("-")[2]) for path in held]

    def end(self, moment: str) -> None:
        (self._folder / moment).unlink()


@pytest.fixture
def holds(gateways: Any, tmp_path: Path) -> Holds:
    return Holds(gateways, tmp_path)


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_gateway_starts_ends_it_with_status_0(
    holds: Holds, flags: tuple[str, ...], number: signal.Signals
) -> None:
    holds.set("import")
    gateway = holds.start(*flags, wait=False)
    holds.wait("import")
    gateway.signal(number)
    assert gateway.end() == 0
    assert gateway.err == []


@pytest.mark.parametrize("flags", [(), ("--workers", "2")])
def test_a_hangup_while_the_gateway_starts_is_a_reload_later(
    holds: Holds, gateways: Any, flags: tuple[str, ...]
) -> None:
    holds.set("import")
    gateway = holds.start(*flags, wait=False)
    holds.wait("import")
    gateway.signal(signal.SIGHUP)
    holds.end("import")
    gateway.wait_started()
    taken = b'llmgate_config_reloads_total{result="taken"} 1.0'
    gateways.until(lambda: taken in gateway.ask("GET", "/metrics")[2])
    assert gateway.stop() == 0


def test_a_stop_while_the_first_workers_are_forked_ends_all_in_silence(holds: Holds) -> None:
    holds.set("fork")
    gateway = holds.start("--workers", "2", wait=False)
    workers = holds.wait("fork", 2)
    gateway.signal(signal.SIGTERM)
    for worker in workers:
        os.kill(worker, signal.SIGTERM)  # as the parent does; it may have done so before these lines
    holds.end("fork")
    assert gateway.end() == 0
    assert gateway.err == []


def test_a_stop_while_a_killed_worker_is_replaced_ends_the_new_one(holds: Holds, gateways: Any) -> None:
    gateway = holds.start("--workers", "2", wait=True)
    pid = gateway.process.pid
    worker = gateways.until(lambda: len(found := children(pid)) == 2 and found[0])
    holds.set("fork")
    os.kill(worker, signal.SIGKILL)
    holds.wait("fork")
    gateway.signal(signal.SIGTERM)
    gateways.until(lambda: len(children(pid)) == 1, 30)  # the old one has been told, and so has the new one
    holds.end("fork")
    assert gateway.end() == 0


def test_a_hangup_while_a_worker_is_forked_reaches_it(holds: Holds) -> None:
    holds.set("fork")
    gateway = holds.start("--workers", "2", wait=False)
    holds.wait("fork", 2)
    gateway.signal(signal.SIGHUP)
    time.sleep(0.3)  # for the parent to pass it on; if it takes longer, the workers get it later, which holds too
    holds.end("fork")
    gateway.wait_for(lambda: sum("a new config was loaded" in line for line in gateway.err) == 2, "both workers")
    assert gateway.stop() == 0


@pytest.mark.slow
def test_a_stop_at_any_moment_of_a_start_ends_it_with_status_0(gateways: Any) -> None:
    gateways.write(None, "drain_timeout: 600")
    for step in range(12):
        gateway = gateways.start("--workers", "3", wait=False)
        gateways.until(lambda started=gateway: catches(started.process.pid, signal.SIGTERM), 30)
        time.sleep(step * 0.05)
        gateway.signal(signal.SIGTERM)
        assert gateway.end() == 0, step
        assert "Traceback" not in "".join(gateway.err), step


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(text) for text in file.read().split()]


def catches(pid: int, number: int) -> bool:
    """Return whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
