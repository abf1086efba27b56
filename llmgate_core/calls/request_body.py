"""What the caller wrote -> the canonical request body.

Pure: objects of any kind become dicts, None is not sent, a type becomes a JSON schema, and what is malformed is refused
before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_origin

from llmgate_core.calls.plain_values import plain
from llmgate_core.calls.sent_back import (
    without_answer_fields,
    without_empty_tools,
    without_item_nulls,
    without_message_extras,
)
from llmgate_core.catalogue.values import shown
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.endpoints.families import Family
from llmgate_core.errors import bad_request

__all__ = ["canonical_body", "json_body", "output_type_of"]

OUTPUT_PARAMS = ("response_format", "text_format")


def json_body(inputs: Mapping[str, Any], params: Mapping[str, Any], extra_body: object) -> dict[str, Any]:
    """Return the body of a request that another program sent: its JSON as it came, parameters and `extra_body` added.

    Raises:
        BadRequestError: malformed messages, or `extra_body` that is not an object.
    """
    body = {name: value for name, value in inputs.items() if value is not None}
    if params:
        body.update((name, value) for name, value in params.items() if value is not None)
    if "messages" in body:
        _check_messages(body["messages"])
    if extra_body is not None:
        body.update(_extra(extra_body))
    return body


def canonical_body(
    family: Family, inputs: Mapping[str, Any], params: Mapping[str, Any], extra_body: object
) -> tuple[dict[str, Any], tuple[LedgerEntry, ...]]:
    """Return the body without `model`, and what was left out of it: inputs, then parameters, `extra_body` last.

    Raises:
        BadRequestError: malformed messages, a value that JSON cannot have, or `extra_body` that is not an object.
    """
    given = {**inputs, **params} if params else inputs
    body = {name: _value(family, name, value) for name, value in given.items() if value is not None}
    if None in body.values():  # what another SDK calls not given
        body = {name: value for name, value in body.items() if value is not None}
    if extra_body is not None:
        body.update((name, _value(family, name, value)) for name, value in _extra(extra_body).items())
    if "text_format" in body:
        text = body.get("text")
        body["text"] = {**(text if isinstance(text, Mapping) else {}), "format": body.pop("text_format")}
    return body, _clean(body, family)


def _value(family: Family, name: str, value: Any) -> Any:
    """Return a value as it is sent. Files are read later, and a type becomes its schema."""
    if name in family.files:
        return value
    if name in OUTPUT_PARAMS and is_output_type(value):
        from llmgate_core.types.output_schema import output_schema  # most calls ask for text

        schema = output_schema(value, name).json_schema
        return {"type": "json_schema", **(schema if name == "text_format" else {"json_schema": schema})}
    return plain(name, value)


def _clean(body: dict[str, Any], family: Family) -> tuple[LedgerEntry, ...]:
    """Check what a call is about, and take out what no endpoint takes; return the entries."""
    if family.name == "messages":
        _clean_turns(body)
        return ()
    entries = without_empty_tools(body) if "tools" in body or "functions" in body else ()
    if "messages" in body:
        if isinstance(body["messages"], str):
            body["messages"] = [{"role": "user", "content": body["messages"]}]
        _check_messages(body["messages"])
        body["messages"], left_out = without_message_extras(body["messages"])
        return (*entries, *left_out)
    if family.name == "responses" and isinstance(body.get("input"), list):
        body["input"] = without_item_nulls(body["input"])
    return entries


def _clean_turns(body: dict[str, Any]) -> None:
    """Check the turns of a Messages call; of an earlier answer only what a turn may have is sent back."""
    if isinstance(body.get("messages"), str):
        body["messages"] = [{"role": "user", "content": body["messages"]}]
    _check_messages(body.get("messages"))
    body["messages"] = [without_answer_fields(message) for message in body["messages"]]


def is_output_type(value: Any) -> bool:
    """Return whether a value says what an answer is to be read as: a class, a type such as `list[City]`, an adapter."""
    if value is None or isinstance(value, (str, dict)):
        return False
    return isinstance(value, type) or get_origin(value) is not None or hasattr(value, "validate_json")


def output_type_of(params: Mapping[str, Any]) -> Any:
    """Return the type given as `response_format` or `text_format`, or None."""
    return next((params[name] for name in OUTPUT_PARAMS if is_output_type(params.get(name))), None)


def _extra(extra_body: object) -> Mapping[str, Any]:
    extra = plain("extra_body", extra_body) if not isinstance(extra_body, Mapping) else extra_body
    if not isinstance(extra, Mapping):
        raise bad_request("extra_body", f"extra_body must be an object, not {type(extra_body).__name__}")
    return extra


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        kind = type(messages).__name__
        raise bad_request(
            "messages", f"messages must be a list such as [{{'role': 'user', 'content': 'Hi'}}], not {kind}"
        )
    if not messages:
        raise bad_request("messages", "messages is empty; a chat needs at least one message")
    for index, message in enumerate(messages):
        _check_message(index, message)


def _check_message(index: int, message: Any) -> None:
    if not isinstance(message, (dict, Mapping)):  # a dict first: asking an abstract class takes longer
        raise bad_request(
            "messages", f"messages[{index}] must be an object with role and content, not {shown(message)}"
        )
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise bad_request("messages", f"messages[{index}] has no role, only {sorted(map(str, message))}")
    content = message.get("content")
    if content is not None and not isinstance(content, (str, list)):
        raise bad_request(
            "messages", f"messages[{index}].content must be a string or a list of parts, not {shown(content)}"
        )
