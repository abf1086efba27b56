"""Fuzz the targets one after the other, each in a process of its own: `make fuzz ARGS="--only sse --seconds 600"`.

What it finds goes to `build/fuzz/NAME/`: a `crash-…`, `timeout-…` or `oom-…` with the input, the log, and the corpus
as it grows from run to run. With `--minimize` the smallest inputs that reach the same code replace the seeds in
`fuzz/corpus/NAME/`.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TARGETS", "main"]

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "fuzz"
TARGETS = tuple(sorted(path.stem for path in (HERE / "targets").glob("[a-z]*.py")))
LIMITS = ("-max_len=4096", "-rss_limit_mb=1024", "-timeout=20")
"""Bytes of an input, memory of a process, seconds that one input may take."""
MOST_SEEDS = 60
"""Of one target, in the repository."""
LARGEST_SEED_BYTES = 2048
COUNTERS = re.compile(r"^#\d+\s.*cov: (\d+) ft: (\d+)", re.MULTILINE)
EXECUTIONS = re.compile(r"^stat::number_of_executed_units: (\d+)", re.MULTILINE)


@dataclass
class Result:
    """What a run of one target came to; coverage is in edges of the instrumented packages, features are finer."""

    name: str
    seconds: int
    executions: int
    coverage: int
    features: int
    found: list[str]


def main(arguments: list[str] | None = None) -> int:
    """Fuzz; return 1 if something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=TARGETS, action="append", help="this target; may be repeated; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: 60")
    parser.add_argument("--minimize", action="store_true", help="renew the seeds afterwards")
    given = parser.parse_args(arguments)
    results = [fuzzed(name, given.seconds) for name in given.only or TARGETS]
    print("\n| target | seconds | executions | coverage | features | found |\n|---|---|---|---|---|---|")
    for it in results:
        found = ", ".join(it.found) or "nothing"
        print(f"| {it.name} | {it.seconds} | {it.executions:,} | {it.coverage} | {it.features} | {found} |")
    if given.minimize:
        for it in results:
            minimize(it.name)
    return int(any(it.found for it in results))


def fuzzed(name: str, seconds: int) -> Result:
    """Run one target for so long, or until it finds something."""
    folder = BUILD / name
    grown = folder / "corpus"
    grown.mkdir(parents=True, exist_ok=True)
    before = set(folder.iterdir())
    dictionary = HERE / "dictionaries" / f"{name}.dict"
    options = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    options += [f"-dict={dictionary}"] if dictionary.exists() else []
    print(f"==> {name}: {seconds} seconds; {folder}/log", flush=True)
    status = libfuzzer(name, [str(grown), str(HERE / "corpus" / name), *options])
    log = (folder / "log").read_text("utf-8", "replace")
    found = sorted(str(path.relative_to(HERE.parent)) for path in set(folder.iterdir()) - before if "-" in path.name)
    if status and not found:
        found = [f"exit status {status}"]
    if found:
        print("\n".join(log.splitlines()[-40:]), flush=True)
    counters = COUNTERS.findall(log) or [(0, 0)]
    executions = EXECUTIONS.findall(log) or [0]
    return Result(name, seconds, int(executions[-1]), int(counters[-1][0]), int(counters[-1][1]), found)


def libfuzzer(name: str, options: list[str]) -> int:
    """Run libFuzzer on a target, with its output in the target's log; return its exit status.

    libFuzzer starts itself again to merge, by the name that it was started with: a program in the target's folder.
    """
    program = BUILD / name / "fuzz"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m fuzz.libfuzzer {name} "$0" "$@"\n')
    program.chmod(0o755)
    with (BUILD / name / "log").open("wb") as log:
        command = [str(program), *options]
        return subprocess.run(command, cwd=HERE.parent, stdout=log, stderr=subprocess.STDOUT, check=False).returncode


def minimize(name: str) -> None:
    """Replace a target's seeds by the smallest that reach what they and the grown corpus do, up to a number of them.

    A seed with a plain name was written by hand, or is an input that once failed: it stays.
    """
    seeds, merged = HERE / "corpus" / name, BUILD / name / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    libfuzzer(name, ["-merge=1", str(merged), str(seeds), str(BUILD / name / "corpus")])
    for path in seeds.iterdir():
        if is_grown(path):
            path.unlink()
    kept = {path.read_bytes() for path in seeds.iterdir()}
    new = [path for path in merged.iterdir() if path.read_bytes() not in kept]
    small = sorted(
        (path for path in new if path.stat().st_size <= LARGEST_SEED_BYTES), key=lambda path: path.stat().st_size
    )
    room = max(0, MOST_SEEDS - len(kept))
    step = max(1, len(small) / room) if room else 1
    for number in range(min(room, len(small))):  # of all sizes
        path = small[int(number * step)]
        shutil.copy(path, seeds / path.name)


def is_grown(path: Path) -> bool:
    """Return whether libFuzzer has named a file, by its SHA-1."""
    return re.fullmatch("[0-9a-f]{40}", path.name) is not None


if __name__ == "__main__":
    sys.exit(main())
