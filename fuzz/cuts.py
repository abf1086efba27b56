"""Ways to cut the same bytes into blocks, as a network might.

Pure: which ways an input is cut depends on its bytes only, so that a crash can be repeated.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from itertools import pairwise

__all__ = ["ways_to_cut"]

RANDOM_WAYS = 2
MOST_BLOCKS = 200


def ways_to_cut(data: bytes) -> Iterator[list[bytes]]:
    """Yield the bytes one by one (of a long input, a few at a time), then cut at random places, twice."""
    size = -(-len(data) // MOST_BLOCKS) or 1
    yield [data[at : at + size] for at in range(0, len(data), size)]
    choose = random.Random(zlib.crc32(data))
    for _ in range(RANDOM_WAYS):
        places = sorted(choose.randrange(len(data) + 1) for _ in range(choose.randint(1, 6)))
        marks = [0, *places, len(data)]
        yield [data[start:end] for start, end in pairwise(marks) if start < end]
