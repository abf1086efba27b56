"""One row of a table of figures, and how it is printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Row(NamedTuple):
    """One figure.

    Attributes:
        name: what was measured.
        beside: the transport that was measured, or the yardstick that a ratio is to.
        measured: the figure, in `unit`.
        budget: the most that it may be; None: shown for orientation only.
        unit: `x` for a ratio.
        plain_us: CPU microseconds of the yardstick for one call, if there is one.
    """

    name: str
    beside: str
    measured: float
    budget: float | None
    unit: str
    plain_us: float | None = None

    @property
    def passed(self) -> bool:
        return self.budget is None or self.measured <= self.budget

    def text(self) -> str:
        if self.budget is None:
            verdict = " " * 18
        else:
            verdict = f"{self.budget:9.3g} {self.unit:3} {'pass' if self.passed else 'FAIL'}"
        plain = f"  yardstick {self.plain_us:,.0f} us" if self.plain_us else ""
        return f"{self.name:34}{self.beside:9}{self.measured:9.3f} {self.unit:3}{verdict}{plain}"

    def json(self) -> str:
        return json.dumps({**self._asdict(), "passed": self.passed})


def rows_in(lines: Iterable[str]) -> Iterator[Row]:
    """Read what `Row.json` wrote, a row a line."""
    for line in lines:
        fields = json.loads(line)
        yield Row(*(fields[name] for name in Row._fields))


def show(row: Row, *, as_json: bool) -> None:
    """Print a row immediately, since a whole run takes minutes."""
    print(row.json() if as_json else row.text(), flush=True)
