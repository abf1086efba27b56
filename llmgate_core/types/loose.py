"""Read a result of which some fields have other types than the API documents.

Pure. A whole result is validated first, which is fast; this module reads only what fails there. A field that fits is
validated, any other field keeps its raw value, so one odd field never costs the answer. Fields without which the rest
has no meaning are essential: the required ones, such as `choices`, and those that the class declares.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic.fields import FieldInfo

__all__ = ["Loosely", "validated"]

ModelT = TypeVar("ModelT", bound=BaseModel)


class UnreadableError(ValueError):
    """An essential field is missing or has another type than documented."""


@dataclass(frozen=True, slots=True)
class Loosely:
    """Marks a type as the documented one: a value that does not fit is kept, an object of it field by field."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Return the schema: the documented type, else `fit`."""
        fallback = core_schema.no_info_before_validator_function(partial(fit, source), core_schema.any_schema())
        return core_schema.union_schema([handler(source), fallback], mode="left_to_right")


def validated(kind: type[ModelT], value: Any) -> ModelT:
    """Return `value` as a `kind`; fields that do not fit keep their raw values.

    Raises:
        ValidationError: it is not an object, or an essential field cannot be read.
    """
    try:
        return cast(ModelT, kind.__pydantic_validator__.validate_python(value))
    except ValidationError:
        if not isinstance(value, Mapping):
            raise
        try:
            return _loosened(kind, value)
        except UnreadableError:
            pass
        raise


def fit(annotation: Any, value: Any) -> Any:
    """Return `value` in the shape of `annotation`, as far as it has that shape."""
    try:
        return _fitted(annotation, value)
    except UnreadableError:
        return value


def _loosened(kind: type[ModelT], value: Mapping[str, Any]) -> ModelT:
    """Return an instance without validating it as a whole.

    Raises:
        UnreadableError: an essential field, here or in a part that is essential here.
    """
    essential = getattr(kind, "essential_fields", ())
    fields = {name: _field(name, field, value, name in essential) for name, field in kind.model_fields.items()}
    is_set = {
        name for name, field in kind.model_fields.items() if name in value and not _is_default(field, value[name])
    }
    extra = {name: item for name, item in value.items() if name not in fields}
    kind.model_rebuild()  # models are built at first use, which older releases of pydantic do not notice in a dump
    result = kind.__new__(kind)
    for slot, state in (
        ("__dict__", fields),
        ("__pydantic_fields_set__", is_set),
        ("__pydantic_extra__", extra),
        ("__pydantic_private__", None),
    ):
        object.__setattr__(result, slot, state)
    return result


def _field(name: str, field: FieldInfo, value: Mapping[str, Any], is_essential: bool) -> Any:
    item = value.get(name)
    if name not in value or _is_default(field, item):
        if field.is_required():
            raise UnreadableError(name)
        return field.get_default(call_default_factory=True)
    return _essential(field.annotation, item) if is_essential or field.is_required() else fit(_full(field), item)


def _is_default(field: FieldInfo, value: Any) -> bool:
    """Return whether a value is null where the API documents no null; the default is meant."""
    return value is None and not field.is_required() and not _allows_none(field.annotation)


def _full(field: FieldInfo) -> Any:
    """Return the annotation with the marks that pydantic has split off."""
    is_loose = any(isinstance(mark, Loosely) for mark in field.metadata)
    return Annotated[field.annotation, Loosely()] if is_loose else field.annotation


def _essential(annotation: Any, value: Any) -> Any:
    """Return an essential value: at least its outer shape must be the documented one.

    Raises:
        UnreadableError: it is not.
    """
    if value is None and _allows_none(annotation):
        return None
    kind, item = _model_of(annotation), _item_of(annotation)
    if kind is not None and value == []:  # how PHP writes an object without members
        return _loosened(kind, {})
    if kind is not None and isinstance(value, Mapping):
        return _loosened(kind, value)
    if item is not None and isinstance(value, list):
        return [_essential(item, part) if _is_strict(item) else fit(item, part) for part in value]
    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError:
        raise UnreadableError from None


def _fitted(annotation: Any, value: Any) -> Any:
    kind, item = _model_of(annotation), _item_of(annotation)
    if kind is not None and isinstance(value, Mapping):
        return _loosened(kind, value)
    if item is not None and isinstance(value, list):
        return [fit(item, part) for part in value]
    if annotation is Any or kind is not None or item is not None:
        return value
    try:
        return _adapter(annotation).validate_python(value)
    except ValidationError:
        return value


def _is_strict(annotation: Any) -> bool:
    """Return whether every value must have this type: it is not marked as loose."""
    return not any(isinstance(mark, Loosely) for mark in getattr(annotation, "__metadata__", ()))


def _choices_of(annotation: Any) -> tuple[Any, ...]:
    """Return the types that a value may have."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _choices_of(get_args(annotation)[0])
    if origin is Union or origin is types.UnionType:
        return tuple(choice for part in get_args(annotation) for choice in _choices_of(part))
    return (annotation,)


def _allows_none(annotation: Any) -> bool:
    choices = _choices_of(annotation)
    return type(None) in choices or Any in choices


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for choice in _choices_of(annotation):
        # Python 3.10 calls `list[int]` a type too, of which older releases of pydantic cannot say what it derives from
        if get_origin(choice) is None and isinstance(choice, type) and issubclass(choice, BaseModel):
            return choice
    return None


def _item_of(annotation: Any) -> Any:
    """Return the type of a list's items; None: it is not a list of models or of anything else."""
    return next((get_args(choice)[0] for choice in _choices_of(annotation) if get_origin(choice) is list), None)


@cache
def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except PydanticUserError:  # pragma: no cover  # a type that pydantic has no schema for
        return TypeAdapter(Any)
