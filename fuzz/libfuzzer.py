"""One target under atheris, as `fuzz.run` starts it: `python -m fuzz.libfuzzer NAME PROGRAM [its options]`."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import atheris


def main() -> None:
    """Fuzz the target that the first argument names."""
    _, name, *sys.argv = sys.argv
    with atheris.instrument_imports(include=_instrumented(name)):
        target = importlib.import_module(f"fuzz.targets.{name}")
    mutate = getattr(target, "mutated", None)
    others = (
        {} if mutate is None else {"custom_mutator": lambda data, size, seed: mutate(data, size, seed, atheris.Mutate)}
    )
    atheris.Setup(sys.argv, target.check, **others)
    atheris.Fuzz()


def _instrumented(name: str) -> list[str]:
    """Return the packages whose coverage guides a target, from its source: importing it would be too early."""
    tree = ast.parse(Path(__file__).with_name("targets").joinpath(f"{name}.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "INSTRUMENTED":
            return list(ast.literal_eval(node.value))
    raise SystemExit(f"fuzz/targets/{name}.py has no INSTRUMENTED")


if __name__ == "__main__":
    main()
