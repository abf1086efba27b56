"""Whatever a caller passed as a value -> plain JSON values: dicts, lists, strings, numbers, booleans and None.

Pure. Everything that judges a request afterwards asks for dicts and lists only, at every depth. A value that is plain
already is returned itself, so a call of plain dicts pays for a few type checks.
"""

from __future__ import annotations

import operator
from collections import UserString, deque
from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, Set, ValuesView
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Any

from llmgate_core.contract.form import FilePart
from llmgate_core.errors import bad_request

__all__ = ["plain"]

SCALARS = frozenset({str, int, float, bool, type(None)})
SEQUENCES = (Sequence, deque, Set, KeysView, ValuesView, ItemsView, Iterator)
BYTES = (bytes, bytearray, memoryview)
NOT_GIVEN = frozenset({"NotGiven", "Omit"})
"""Classes by which other SDKs say that a parameter was not given; known by name, as none of them is installed here."""


def plain(name: str, value: Any) -> Any:
    """Return the value of the parameter `name` with every object in it, at any depth, as a dict or list.

    Objects are pydantic models (also of the OpenAI SDK and LiteLLM), dataclasses, mappings, enumerations, generators,
    arrays, and fractions and decimals, which become floats. A field that is None and was not set is left out;
    everything else of an object is kept. What JSON has no form for is kept as it is, for the error of the encoder.

    Raises:
        BadRequestError: there are bytes in it, or it is nested too deeply.
    """
    try:
        return _plain(value)
    except _BytesFoundError:
        reason = "decode them to a string, or encode them as base64"
        raise bad_request(name, f"{name} has bytes in it, which JSON cannot have: {reason}") from None
    except RecursionError:
        raise bad_request(name, f"{name} is nested too deeply, or contains itself") from None


class _BytesFoundError(Exception):
    """A value contains bytes."""


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind is not dict and kind is not list:
        return _converted(value)
    items = value.values() if kind is dict else value
    if SCALARS.issuperset(map(type, items)):
        return value
    converted = [_plain(item) for item in items]
    if all(map(operator.is_, converted, items)):
        return value
    return dict(zip(value, converted, strict=True)) if kind is dict else converted


def _converted(value: Any) -> Any:
    """Return what is neither a scalar nor exactly a dict or list as one of these, where it can be."""
    if isinstance(value, BYTES):
        raise _BytesFoundError
    if isinstance(value, (type, FilePart)):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, (str, int, float)):
        return value  # of a subclass
    if isinstance(value, UserString):
        return value.data
    return None if type(value).__name__ in NOT_GIVEN else _parts_of(value)


def _parts_of(value: Any) -> Any:
    """Return an object that has parts, or a number of another library, as a dict, list or number, where it can be."""
    if isinstance(value, Mapping):
        return _plain(dict(value))
    if hasattr(value, "model_dump"):
        return _plain(_dumped(value))
    if is_dataclass(value):
        return _plain({field.name: item for field, item in _set_fields(value)})
    if hasattr(value, "__fields__") and hasattr(value, "dict"):  # a model of pydantic 1
        return _plain(value.dict(by_alias=True, exclude_none=True))
    if hasattr(value, "tolist"):  # an array, or a number of numpy's
        return _plain(value.tolist())
    if isinstance(value, (Real, Decimal)):
        return float(value)
    if isinstance(value, SEQUENCES) and not hasattr(value, "read"):
        return _plain(list(value))
    return value


def _set_fields(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the fields of a dataclass and their values, but for those that are None by default."""
    for field in fields(value):
        item = getattr(value, field.name)
        if item is not None or field.default is MISSING or field.default is not None:
            yield field, item


def _dumped(model: Any) -> Any:
    """Return the fields of a pydantic model under the names on the wire: all but those that are None and were not set.

    No option of pydantic says just that: one dump has every value, constants that are defaults among them, and the
    other every field that was set, None among them.
    """
    try:
        values = model.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False)
        given = model.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
    except TypeError:  # something else with a method of this name
        return model.model_dump()
    except ValueError:  # a value without a JSON form: as Python has it, for the error of the encoder
        return model.model_dump(by_alias=True, exclude_unset=True, warnings=False)
    return _merged(values, given)


def _merged(values: Any, given: Any) -> Any:
    """Return `values` and what only `given` has, at every depth."""
    if isinstance(values, dict) and isinstance(given, dict):
        merged = {name: _merged(value, given[name]) if name in given else value for name, value in values.items()}
        return merged | {name: value for name, value in given.items() if name not in merged}
    if isinstance(values, list) and isinstance(given, list) and len(values) == len(given):
        return [_merged(*pair) for pair in zip(values, given, strict=True)]
    return values
