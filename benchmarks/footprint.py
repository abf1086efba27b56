"""Measure the footprint of llmgate: its import, a process's first call, memory, the install.

Everything runs in fresh child processes, so that nothing that this process has loaded is counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from statistics import median

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rows import Row

import llmgate_core

CHILDREN = 31


FIRST_CALL = """
import resource, sys, time
start = time.process_time()
import llmgate_core
client = llmgate_core.Client(api_key="sk-benchmark", api_base=sys.argv[1], transport=sys.argv[2])
client.completion(model="openai/gpt-4o", messages=[{"role": "user", "content": "Hi"}])
cpu = time.process_time() - start
try:
    rss = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) * 1024
except OSError:
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS: bytes, and the peak
print(cpu * 1000, rss / 1e6)
"""


def measure_import() -> list[Row]:
    """Return by how much the CPU time of a child that imports llmgate exceeds that of one that imports nothing."""

    def child_ms(code: str) -> float:
        child = subprocess.Popen([sys.executable, "-I", "-c", code])
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"`{code}` failed")
        return (usage.ru_utime + usage.ru_stime) * 1000

    child_ms("import llmgate_core")
    pairs = [(child_ms("pass"), child_ms("import llmgate_core")) for _ in range(CHILDREN)]
    return [Row("import llmgate_core", "", median(ours for _, ours in pairs) - median(p for p, _ in pairs), 5, "ms")]


def measure_first_call(origin: str) -> list[Row]:
    """Return CPU time and memory of a fresh process that makes one call, imports and set-up included."""
    rows = []
    for transport, budget_ms in (("http1", 140), ("httpx", 200)):
        command = [sys.executable, "-I", "-c", FIRST_CALL, f"{origin}/v1", transport]
        runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() for _ in range(11)]
        rows.append(Row("first call with set-up", transport, median(float(cpu) for cpu, _ in runs), budget_ms, "ms"))
        rows.append(Row("memory after it", transport, median(float(rss) for _, rss in runs), 43, "MB"))
    return rows


def measure_install() -> list[Row]:
    """Return the number and the size of llmgate-core and the distributions that it needs."""
    distributions: dict[str, metadata.Distribution] = {}
    names = ["llmgate-core"]
    while names:
        name = canonicalize_name(names.pop())
        if name not in distributions:
            distributions[name] = metadata.distribution(name)
            requirements = [Requirement(line) for line in distributions[name].requires or ()]
            names += [item.name for item in requirements if item.marker is None or item.marker.evaluate({"extra": ""})]
    files = {Path(str(d.locate_file(file))).resolve() for d in distributions.values() for file in d.files or ()}
    files.update(Path(llmgate_core.__file__).parent.rglob("*"))  # an editable install does not list its modules
    size = sum(file.stat().st_size for file in files if file.is_file())
    return [
        Row("core install, distributions", "", len(distributions), 20, ""),
        Row("core install, size", "", size / 1e6, 20, "MB"),
    ]
