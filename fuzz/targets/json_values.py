"""The JSON codec, the count of values, and the change of a model's name inside a body that is passed on.

What is decoded can be encoded, and decodes to the same again; Python's own decoder reads the same. The count agrees
with one that removes strings the plain way. A spliced body differs in the model's name and in nothing else, and is
never made where two readers could take different models.
"""

from __future__ import annotations

import json
import re
from typing import Any

from fuzz.mutations import mutated_json as mutated
from llmgate_core.calls.http_request import spliced
from llmgate_core.json_codec import decode, decode_leniently, encode, has_more_values

__all__ = ["INSTRUMENTED", "check", "mutated"]

INSTRUMENTED = ("llmgate_core.json_codec", "llmgate_core.calls.http_request", "json.decoder", "json.scanner")
NEW_MODEL = 'new/"model\\é'
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
LIMITS = (0, 1, 5, 20)


def check(data: bytes) -> None:
    """Decode, count and splice the bytes."""
    check_lenient(data)
    try:
        value = decode(data)
    except ValueError:
        return
    check_encoding(value)
    check_against_pythons(data, value)
    check_count(data)
    if isinstance(value, dict):
        check_splice(data, value)


def check_lenient(data: bytes) -> None:
    """Decode with half characters replaced; what is strictly right gives the same."""
    try:
        value, _ = decode_leniently(data)
    except ValueError:
        return
    check_encoding(value)
    try:
        strict = decode(data)
    except ValueError:
        return
    assert same(value, strict), "the lenient decoder reads another value than the strict one"


def check_encoding(value: Any) -> None:
    """Assert that a value can be written and read again, unless a number of it is too large for a float."""
    try:
        content = encode(value)
    except ValueError:
        assert "inf" in repr(value), "a value that was read cannot be written"
        return
    assert same(decode(content), value), "a value changed when it was written"


def check_against_pythons(data: bytes, value: Any) -> None:
    """Assert that the standard library reads the same value."""
    try:
        other = json.loads(data.decode())
    except (ValueError, RecursionError):  # a number of more than 4,300 digits; deep nesting
        return
    assert same(value, other), "Python reads another value"


def check_count(data: bytes) -> None:
    """Assert that values are counted as the docstring says, strings left out."""
    bare = STRING.sub(b"", data)
    weight = sum(map(bare.count, (b"[", b"{", b":"))) + bare.count(b",") / 8
    for limit in LIMITS:
        assert has_more_values(data, limit) == (len(data) > limit and weight > limit), "values are counted wrong"


def check_splice(data: bytes, fields: dict[str, Any]) -> None:
    """Assert that a spliced body is the old one but for the model, for every way to read it."""
    made = spliced(data, NEW_MODEL, fields)
    if made is None:
        return
    assert decode(made) == {**fields, "model": NEW_MODEL}, "the splice changed something else"
    models: list[Any] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        models[:] = [item for name, item in pairs if name == "model"]  # the outermost object comes last
        return dict(pairs)

    json.loads(made.decode(), object_pairs_hook=note)
    assert models == [NEW_MODEL], "a body with two models was passed on"
    before, after = data.partition(encode(fields["model"]))[0], made.partition(encode(NEW_MODEL))[0]
    assert len(made) - len(data) == len(encode(NEW_MODEL)) - len(encode(fields["model"]))
    assert made.startswith(before[: len(after)]), "bytes before the name changed"


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of the same type all the way down; minus zero is not zero."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and repr(one) == repr(other)
