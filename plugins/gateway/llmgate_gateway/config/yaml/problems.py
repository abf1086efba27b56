"""Everything that is wrong with a config, each mistake with its place.

Pure. No message shows a value of the file, since any value may be a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from llmgate_core.serving import errors

__all__ = ["ConfigProblems", "Path", "Problem", "Problems", "error_of", "shown_key", "shown_path"]

Path = tuple["str | int", ...]
"""Where a value is: keys and indexes from the root."""

MAX_KEY_CHARACTERS = 80
MAX_SHOWN = 200
MAX_COMPARISONS = 5_000  # of names, for suggestions: 15 microseconds each, and a hostile file must not take long


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
    """The config is not valid; the message has a line for each mistake.

    Attributes:
        problems: the mistakes in the order of the file. warnings: what is worth a look besides, in that order.
        source: the name of the file as it was given.
    """

    def __init__(
        self,
        message: str,
        problems: tuple[Problem, ...] = (),
        source: str = "",
        warnings: tuple[Problem, ...] = (),
    ) -> None:
        super().__init__(message)
        self.problems = problems
        self.source = source
        self.warnings = warnings


class Problems:
    """Collects mistakes and warnings while a config is read. The first 200 of each are kept."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._problems: dict[Problem, None] = {}  # an ordered set: a shared YAML node is checked more than once
        self._warnings: dict[Problem, None] = {}
        self._comparisons = MAX_COMPARISONS
        self._more = {"mistakes": 0, "warnings": 0}  # beyond those that are kept

    def add(self, place: tuple[int, int], path: Path, message: str) -> None:
        """Record a mistake."""
        self._record("mistakes", self._problems, Problem(*place, shown_path(path), message))

    def warn(self, place: tuple[int, int], path: Path, message: str) -> None:
        """Record a warning."""
        self._record("warnings", self._warnings, Problem(*place, shown_path(path), message))

    def _record(self, what: str, recorded: dict[Problem, None], problem: Problem) -> None:
        if problem in recorded or len(recorded) < MAX_SHOWN:
            recorded[problem] = None
        else:
            self._more[what] += 1

    @property
    def is_exhausted(self) -> bool:
        """Whether there were so many unknown names that no more suggestions are made."""
        return self._comparisons <= 0

    def did_you_mean(self, name: str, candidates: Iterable[str], *, cutoff: float = 0.7) -> str:
        """Return `, did you mean 'x'?`, or an empty string if no candidate is similar."""
        if self.is_exhausted or len(name) > MAX_KEY_CHARACTERS:
            return ""
        spelled = {other.lower(): other for other in candidates}
        self._comparisons -= len(spelled)
        import difflib  # only for a name that is wrong

        near = difflib.get_close_matches(name.lower(), spelled, 1, cutoff)
        return f", did you mean {spelled[near[0]]!r}?" if near else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings as lines, in the order of the file."""
        lines = [warning.show(self.source) for warning in sorted(self._warnings)]
        return (*lines, *self._summary_of_rest("warnings"))

    @property
    def warned(self) -> tuple[Problem, ...]:
        """The warnings so far, in the order of the file."""
        return tuple(sorted(self._warnings))

    @property
    def mistakes(self) -> tuple[Problem, ...]:
        """The mistakes so far, in the order of the file."""
        return tuple(sorted(self._problems))

    def error(self) -> ConfigProblems:
        """Return one error with every mistake, to be raised."""
        return error_of(self.mistakes, self.source, self._summary_of_rest("mistakes"), self.warned)

    def _summary_of_rest(self, what: str) -> tuple[str, ...]:
        number = self._more[what]
        return (f"and {number:,} more {what}",) if number else ()


def error_of(
    problems: tuple[Problem, ...], source: str, rest: tuple[str, ...] = (), warnings: tuple[Problem, ...] = ()
) -> ConfigProblems:
    """Return one error whose message has a line for each of `problems`, and `rest` after them."""
    lines = [problem.show(source) for problem in problems]
    return ConfigProblems("\n".join([*lines, *rest]), problems, source, warnings)


def shown_path(path: Path) -> str:
    """Return a path as text: `model_list[0].params.model`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" if text else shown_key(part)
    return text


def shown_key(key: str) -> str:
    """Return a key for a message, with escapes for what cannot be seen; a possible misplaced secret is not shown."""
    if key.startswith("sk-") or len(key) > MAX_KEY_CHARACTERS:
        return "(a key that is not shown)"
    return "".join(it if it.isprintable() else it.encode("unicode_escape").decode() for it in key)
