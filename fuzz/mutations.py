"""Changes of JSON that stay JSON: what libFuzzer's own changes of bytes almost never reach.

Pure: the seed decides. Each function is a `mutated` of a target: data, the largest size, a seed, and libFuzzer's own
way to change bytes, which a part of the changes still go through.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["PLAIN_SHARE", "Plain", "changed", "mutated_json", "mutated_stream"]

Plain = Callable[[bytes, int], bytes]
Path = tuple[Any, ...]
ODD = (
    None,
    0,
    -1,
    7,
    1.5,
    1e300,
    True,
    "",
    "x",
    "\ud800",
    "4" * 50,
    [],
    [None],
    ["x"],
    [[]],
    {},
    {"type": 3},
    {"x": {}},
)
PLAIN_SHARE = 0.25
DATA = b"data: "


def mutated_json(data: bytes, size: int, seed: int, plain: Plain) -> bytes:
    """Return one JSON document with a value or two changed."""
    choose = random.Random(seed)
    value = _parsed(data)
    if value is None or choose.random() < PLAIN_SHARE:
        return plain(data, size)
    documents = [value]
    for _ in range(choose.randint(1, 2)):
        documents[0] = changed(documents[0], documents, choose)
    return _written(documents[0], choose)[:size]


def mutated_stream(data: bytes, size: int, seed: int, plain: Plain) -> bytes:
    """Return a stream of events of which some have another value or another place."""
    choose = random.Random(seed)
    frames = [frame for frame in data.split(b"\n\n") if frame]
    if not frames or choose.random() < PLAIN_SHARE:
        return plain(data, size)
    for _ in range(choose.randint(1, 3)):
        _change_frames(frames, choose)
    return b"".join(frame + b"\n\n" for frame in frames)[:size]


def _change_frames(frames: list[bytes], choose: random.Random) -> None:
    at = choose.randrange(len(frames))
    what = choose.randrange(8)
    if what == 0 and len(frames) > 1:
        del frames[at]
    elif what == 1:
        frames.insert(choose.randrange(len(frames) + 1), frames[at])
    elif what == 2:
        other = choose.randrange(len(frames))
        frames[at], frames[other] = frames[other], frames[at]
    else:
        head, found, content = frames[at].partition(DATA)
        value = _parsed(content)
        if found and value is not None:
            others = [_parsed(frame.partition(DATA)[2]) for frame in choose.sample(frames, min(3, len(frames)))]
            frames[at] = head + DATA + _written(changed(value, [*others, value], choose), choose)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _written(value: Any, choose: random.Random) -> bytes:
    separators = choose.choice([(",", ":"), (", ", ": ")])
    text = json.dumps(value, ensure_ascii=choose.random() < 0.5, separators=separators)
    return text.encode("utf-8", "surrogatepass")


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        yield (*path, name)
        yield from _places(item, (*path, name))


def _at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def changed(value: Any, others: list[Any], choose: random.Random) -> Any:
    """Return a copy of a document in which one value is another one, missing, renamed or repeated."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    if not places:
        return copy.deepcopy(choose.choice(ODD))
    *path, last = choose.choice(places)
    holder, new = _at(value, tuple(path)), _new(others, choose)
    what = choose.randrange(6)
    if what == 0:
        del holder[last]
    elif isinstance(holder, list) and what == 1:
        holder.insert(last, new)
    elif isinstance(holder, dict) and what == 1:
        holder[_name(others, choose)] = new
    elif isinstance(holder, dict) and what == 2:
        holder[_name(others, choose)] = holder.pop(last)
    elif what == 3:
        holder[last] = [holder[last], copy.deepcopy(holder[last])]
    else:
        holder[last] = new
    return value


def _new(others: list[Any], choose: random.Random) -> Any:
    """Return an odd value, a small number, or a value from somewhere else."""
    if (what := choose.random()) < 0.4:
        return copy.deepcopy(choose.choice(ODD))
    if what < 0.5:
        return choose.randrange(4)
    other = choose.choice(others)
    places = list(_places(other))
    return copy.deepcopy(_at(other, choose.choice(places)) if places else other)


def _name(others: list[Any], choose: random.Random) -> str:
    """Return a name of a field from anywhere."""
    names = [path[-1] for other in others for path in _places(other) if isinstance(path[-1], str)]
    return choose.choice(names or ["x"])
