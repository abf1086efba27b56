"""Counters of several processes in one block of shared memory, so that any of them can show the sums.

No file, no lock: each worker writes only its own region, and every worker reads all of them. A worker that replaces a
dead one continues with its numbers, so no counter ever falls.

Source: row R7 of docs/reliability.md.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final

from llmgate_core.serving import decode, encode

__all__ = ["BLOCK_NUMBERS", "FIXED_NUMBERS", "MAX_SERIES", "Labels", "Region", "SharedValues"]

Labels = tuple[str, str, int, str, str]
"""deployment, family, status, outcome, client."""

MAX_SERIES: Final = 2048
"""Of one worker. Further ones are counted under `OTHER`, so that odd statuses cannot fill the memory."""
FIXED_NUMBERS: Final = 24
BLOCK_NUMBERS: Final = 38
NAME_BYTES: Final = 384
LABEL_CHARACTERS: Final = 100
OTHER: Final[Labels] = ("(other)", "", 0, "", "")

NUMBER_BYTES = 8
NAMES_BYTES = MAX_SERIES * NAME_BYTES
NUMBERS = FIXED_NUMBERS + MAX_SERIES * BLOCK_NUMBERS
REGION_BYTES = NAMES_BYTES + NUMBERS * NUMBER_BYTES
SERIES_COUNT = 0  # the first of the fixed numbers


class SharedValues:
    """The memory of one gateway: a region for each worker. Made before the workers are forked."""

    def __init__(self, workers: int = 1) -> None:
        # anonymous and shared with children; pages that are not used cost nothing
        self._memory = memoryview(mmap.mmap(-1, workers * REGION_BYTES))
        self.workers = workers

    def region(self, worker: int = 0) -> Region:
        """Return the region of a worker, counted from 0."""
        return Region(self._memory[worker * REGION_BYTES : (worker + 1) * REGION_BYTES])


class Region:
    """One worker's numbers.

    Attributes:
        numbers: `FIXED_NUMBERS` for the worker as a whole, the first of which counts the series; then a
            block of `BLOCK_NUMBERS` for each series.
    """

    def __init__(self, memory: memoryview) -> None:
        self._names = memory[:NAMES_BYTES]
        self.numbers = memory[NAMES_BYTES:].cast("d")

    def series(self) -> Iterator[tuple[Labels, int]]:
        """Yield the labels of each series and where its block begins."""
        for index in range(int(self.numbers[SERIES_COUNT])):
            name = bytes(self._names[index * NAME_BYTES : (index + 1) * NAME_BYTES]).rstrip(b"\0")
            deployment, family, status, outcome, client = decode(name)
            yield (deployment, family, status, outcome, client), FIXED_NUMBERS + index * BLOCK_NUMBERS

    def add_series(self, labels: Labels) -> int | None:
        """Return where the block of a new series begins, or None if there is no room for it."""
        index = int(self.numbers[SERIES_COUNT])
        if index >= MAX_SERIES:
            return None
        name = _name(labels)
        at = index * NAME_BYTES
        self._names[at : at + len(name)] = name
        self.numbers[SERIES_COUNT] = index + 1  # last: another process reads names up to here
        return FIXED_NUMBERS + index * BLOCK_NUMBERS


def _name(labels: Labels) -> bytes:
    """Return labels as JSON that fits: long names are cut, what cannot be encoded is replaced."""
    deployment, family, status, outcome, client = (
        label.encode("utf-8", "replace").decode() if isinstance(label, str) else label for label in labels
    )
    for length in range(LABEL_CHARACTERS, 0, -10):
        name = encode([str(deployment)[:length], str(family)[:20], status, str(outcome)[:20], str(client)[:length]])
        if len(name) <= NAME_BYTES:
            return name
    return encode(["(unnamed)", "", status, "", ""])
