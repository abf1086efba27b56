"""What AWS's own SDK says of Bedrock's bodies: an oracle for requests, answers and streams. Needs botocore.

`problems` is stricter than the SDK: it also checks the patterns, choices and lengths that the server checks.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from botocore.eventstream import EventStreamBuffer
from botocore.parsers import EventStreamJSONParser, create_parser
from botocore.serialize import create_serializer
from botocore.session import get_session
from botocore.validate import ParamValidator

__all__ = ["answer_of", "problems", "sdk_events", "sdk_request"]

SERVICE = get_session().get_service_model("bedrock-runtime")


def operation(name: str) -> Any:
    return SERVICE.operation_model(name)


def problems(body: dict[str, Any], name: str = "Converse", model: str = "m") -> list[str]:
    """Return what the service would refuse in a body; nothing if it is right."""
    shape = operation(name).input_shape
    arguments = with_bytes(shape, {"modelId": model, **body})
    report = ParamValidator().validate(arguments, shape).generate_report()
    return [*([report] if report else []), *_strict(shape, body, "body")]


def sdk_request(body: dict[str, Any], name: str, model: str) -> tuple[str, Any]:
    """Return path and JSON body that the SDK sends for the same arguments."""
    shape = operation(name)
    arguments = with_bytes(shape.input_shape, {"modelId": model, **body})
    request = create_serializer("rest-json").serialize_to_request(arguments, shape)
    return request["url_path"], json.loads(request["body"])


def answer_of(content: bytes, name: str = "Converse") -> dict[str, Any]:
    """Return an answer as the SDK reads it."""
    shape = operation(name)
    response = {"status_code": 200, "headers": {}, "body": content}
    parsed: dict[str, Any] = create_parser("rest-json").parse(response, shape.output_shape)
    return parsed


def sdk_events(stream: bytes, name: str = "ConverseStream") -> list[dict[str, Any]]:
    """Return the events of a stream as the SDK reads them; bytes become base64, as they were on the wire."""
    shape = operation(name).get_event_stream_output()
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    parser = EventStreamJSONParser()
    return [without_bytes(parser.parse(message.to_response_dict(), shape)) for message in buffer]


def with_bytes(shape: Any, value: Any) -> Any:
    """Return arguments of the SDK for a body: base64 is decoded where the service has bytes."""
    if shape.type_name == "structure" and not getattr(shape, "is_document_type", False) and isinstance(value, dict):
        return {
            name: with_bytes(shape.members[name], item) if name in shape.members else item
            for name, item in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [with_bytes(shape.member, item) for item in value]
    return base64.b64decode(value, validate=True) if shape.type_name == "blob" and isinstance(value, str) else value


def without_bytes(value: Any) -> Any:
    """Return a value of the SDK with bytes as base64."""
    if isinstance(value, dict):
        return {name: without_bytes(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_bytes(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _strict(shape: Any, value: Any, place: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            yield f"{place}: a union has one member, not {sorted(value)}"
        for name, item in value.items():
            if name in shape.members:
                yield from _strict(shape.members[name], item, f"{place}.{name}")
    elif shape.type_name == "list" and isinstance(value, list):
        yield from _length(shape, len(value), place)
        for index, item in enumerate(value):
            yield from _strict(shape.member, item, f"{place}[{index}]")
    elif shape.type_name == "string" and isinstance(value, str):
        yield from _string(shape, value, place)
    elif shape.type_name in ("integer", "float"):
        yield from _length(shape, value, place)


def _string(shape: Any, value: str, place: str) -> Iterator[str]:
    pattern, choices = shape.metadata.get("pattern"), shape.enum
    if choices and value not in choices:
        yield f"{place}: {value!r} is not one of {choices}"
    if pattern and re.fullmatch(pattern, value) is None:
        yield f"{place}: {value!r} does not match {pattern}"
    yield from _length(shape, len(value), place)


def _length(shape: Any, amount: Any, place: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and amount < low) or (high is not None and amount > high):
        yield f"{place}: {amount} is not between {low} and {high}"
