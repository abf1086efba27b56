"""What is wrong with a config, all of it at once, each with its place.

Pure. No message shows a value of the file, since any of them may be a key.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from llmgate_core.plugin import errors

__all__ = ["ConfigProblems", "Path", "Problem", "Problems", "did_you_mean", "error_of", "shown_key", "shown_path"]

Path = tuple["str | int", ...]
"""Where a value stands: keys and indexes from the root."""

LONGEST_KEY = 80


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. `line` and `column` count from 1; 0: the config did not come from a file."""

    line: int
    column: int
    path: str
    message: str

    def show(self, source: str) -> str:
        """Return `file:line:col: path: message`."""
        place = f"{source}:{self.line}:{self.column}: " if self.line else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class ConfigProblems(errors.ConfigError):
    """The config says something that cannot be; the message has a line for each mistake.

    Attributes:
        problems: the mistakes in the order of the file.
        source: the file's name as it was given.
    """

    def __init__(self, message: str, problems: tuple[Problem, ...] = (), source: str = "") -> None:
        super().__init__(message)
        self.problems = problems
        self.source = source


class Problems:
    """Collects mistakes and warnings while a config is read."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._problems: dict[Problem, None] = {}  # an ordered set: a shared YAML node is looked at more than once
        self._warnings: dict[Problem, None] = {}

    def add(self, place: tuple[int, int], path: Path, message: str) -> None:
        """Note a mistake."""
        self._problems[Problem(*place, shown_path(path), message)] = None

    def warn(self, place: tuple[int, int], path: Path, message: str) -> None:
        """Note what works but should be known."""
        self._warnings[Problem(*place, shown_path(path), message)] = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings as lines, in the order of the file."""
        return tuple(warning.show(self.source) for warning in sorted(self._warnings))

    @property
    def found(self) -> tuple[Problem, ...]:
        """The mistakes so far, in the order of the file."""
        return tuple(sorted(self._problems))

    def error(self) -> ConfigProblems:
        """Return one error with every mistake, to be raised."""
        return error_of(self.found, self.source)


def error_of(problems: tuple[Problem, ...], source: str) -> ConfigProblems:
    """Return one error whose message has a line for each of `problems`."""
    return ConfigProblems("\n".join(problem.show(source) for problem in problems), problems, source)


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.7) -> str:
    """Return `, did you mean 'x'?`, or nothing where no known name is near."""
    spelled = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.lower(), spelled, 1, cutoff)
    return f", did you mean {spelled[near[0]]!r}?" if near else ""


def shown_path(path: Path) -> str:
    """Return a path as people write it: `model_list[0].params.model`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" if text else shown_key(part)
    return text


def shown_key(key: str) -> str:
    """Return a key for a message; what may be a secret in the wrong place is not shown."""
    if key.startswith("sk-") or len(key) > LONGEST_KEY or not key.isprintable():
        return "(a key that is not shown)"
    return key
