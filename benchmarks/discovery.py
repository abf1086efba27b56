"""Measure what installed plugins cost a process that has not called any: finding them, checking them against a lock.

CPU time of a new process, the best of several. Each synthetic distribution has the RECORD that a wheel would have.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 5
INSTALLED, LOCKED = 200, 20
BUDGETS_MS = {
    "finding 200 plugins": 30.0,
    "checking 20 plugins against a lock": 30.0,
    "finding the rows of llmgate-providers": 2.0,
}
MODULES = 8
FIND = """
import importlib_metadata, time
from llmgate_core.registry.entry_points import installed_claims
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.settings.settings import PluginPolicy
started = time.process_time()
PluginRegistry(PluginPolicy()).claims()
print((time.process_time() - started) * 1000)
"""
FIND_ROWS = """
import importlib_metadata, sys, time
from llmgate_core.registry import entry_points, ownership
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.settings.settings import PluginPolicy
every = tuple(importlib_metadata.distributions())
others = tuple(it for it in every if it.name != "llmgate-providers")
CACHES = (entry_points._scan, entry_points.first_party, ownership.our_roots, ownership.our_distributions)
def cost(found):
    importlib_metadata.distributions = lambda: found
    costs = []
    for _ in range(40):
        for cache in CACHES:
            cache.cache_clear()
        started = time.process_time()
        PluginRegistry(PluginPolicy()).claims()
        costs.append(time.process_time() - started)
    return min(costs)
assert len(others) < len(every)
print((cost(every) - cost(others)) * 1000)
assert not [name for name in sys.modules if name.startswith("llmgate_providers")]
"""
CHECK = """
import time
from llmgate_core.registry.entry_points import installed_claims
from llmgate_core.registry.plugin_lock import refusals
installed_claims()
started = time.process_time()
assert not refusals()
print((time.process_time() - started) * 1000)
"""


def write_plugins(site: Path, count: int) -> None:
    """Write `count` distributions, of which each has a package of some modules."""
    for number in range(count):
        name = f"llmgate_synthetic_{number}"
        package, metadata = site / name, site / f"{name}-1.0.dist-info"
        package.mkdir(parents=True)
        metadata.mkdir()
        info = f"ProviderInfo(api=(1, 0), name='synthetic{number}', base_url='https://synthetic{number}.example')"
        (package / "__init__.py").write_text(
            "from llmgate_core.plugin import OpenAICompatible, ProviderInfo\n"
            f"class Plugin(OpenAICompatible):\n    info = {info}\nplugin = Plugin()\n"
        )
        for module in range(MODULES):
            (package / f"module{module}.py").write_text("# a line of a module\n" * 500)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        line = f"synthetic{number} = {name}:plugin"
        (metadata / "entry_points.txt").write_text(f"[llmgate.chat]\n{line}\n\n[llmgate.embedding]\n{line}\n")
        files = [path for folder in (package, metadata) for path in sorted(folder.iterdir())]
        (metadata / "RECORD").write_text("".join(f"{row(path, site)}\n" for path in files))


def row(path: Path, site: Path) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
    return f"{path.relative_to(site).as_posix()},sha256={digest},{path.stat().st_size}"


def best_ms(program: str, site: Path, **variables: str) -> float:
    """Return the least that a new process says it took."""
    environment = {**os.environ, "PYTHONPATH": str(site), **variables}
    command = [sys.executable, "-c", program]
    runs = [subprocess.run(command, env=environment, check=True, capture_output=True, text=True) for _ in range(ROUNDS)]
    return min(float(run.stdout) for run in runs)


def measured(folder: Path) -> dict[str, float]:
    write_plugins(folder / "installed", INSTALLED)
    write_plugins(folder / "locked", LOCKED)
    lock = folder / "plugins.lock"
    subprocess.run(
        [sys.executable, "-m", "llmgate_core", "plugins", "lock", str(lock)],
        env={**os.environ, "PYTHONPATH": str(folder / "locked")},
        check=True,
        capture_output=True,
    )
    checked = best_ms(CHECK, folder / "locked", LLMGATE_PLUGINS_LOCK=str(lock))
    rows = best_ms(FIND_ROWS, folder / "nothing")
    return dict(zip(BUDGETS_MS, (best_ms(FIND, folder / "installed"), checked, rows), strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a budget is missed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        costs = measured(Path(folder))
    for name, cost in costs.items():
        print(f"{name:44}{cost:9.2f} ms{BUDGETS_MS[name]:9.2f} ms")
    missed = any(cost > BUDGETS_MS[name] for name, cost in costs.items())
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
