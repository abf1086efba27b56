"""What the caller wrote -> the canonical request body.

Pure: message objects become dicts, None is not sent, a pydantic class becomes a JSON schema, and
what is malformed is refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.endpoints.chat_messages import REQUEST_MESSAGE_FIELDS
from llmgate_core.errors import bad_request

__all__ = ["canonical_body", "output_type_of"]


def canonical_body(inputs: Mapping[str, Any], params: Mapping[str, Any], extra_body: object) -> dict[str, Any]:
    """Return the body without `model`: inputs first, then parameters, `extra_body` merged last.

    Raises:
        BadRequestError: malformed messages, or `extra_body` that is not an object.
    """
    body: dict[str, Any] = {}
    for name, value in inputs.items():
        if name == "messages":
            body[name] = _messages(value)
        elif value is not None:
            body[name] = _plain(value) if isinstance(value, list) else value
    for name, value in params.items():
        if value is not None:
            body[name] = value
    if "response_format" in body:
        body["response_format"] = _response_format(body["response_format"])
    if "text_format" in body:
        body["text"] = _text_format(body.pop("text_format"), body.get("text"))
    if extra_body is not None:
        if not isinstance(extra_body, Mapping):
            raise bad_request("extra_body", f"extra_body must be an object, not {type(extra_body).__name__}")
        body.update(extra_body)
    return body


def output_type_of(params: Mapping[str, Any]) -> Any:
    """Return the pydantic class given as `response_format` or `text_format`, or None."""
    for name in ("response_format", "text_format"):
        if isinstance(value := params.get(name), type):
            return value
    return None


def _plain(items: list[Any]) -> list[Any]:
    """Return a list with the items of earlier answers as plain objects."""
    if any(hasattr(item, "model_dump") for item in items):
        return [
            item.model_dump(mode="json", exclude_unset=True) if hasattr(item, "model_dump") else item for item in items
        ]
    return items


def _messages(messages: Any) -> list[Any]:
    if isinstance(messages, (str, Mapping)) or not hasattr(messages, "__iter__"):
        kind = type(messages).__name__
        raise bad_request(
            "messages", f"messages must be a list such as [{{'role': 'user', 'content': 'Hi'}}], not {kind}"
        )
    listed = [_message(index, message) for index, message in enumerate(messages)]
    if not listed:
        raise bad_request("messages", "messages is empty; a chat needs at least one message")
    return listed


def _message(index: int, message: Any) -> Any:
    if hasattr(message, "model_dump"):
        message = _resent(message.model_dump(mode="json", exclude_unset=True))
    if not isinstance(message, Mapping):
        raise bad_request("messages", f"messages[{index}] must be an object with role and content, not {message!r:.80}")
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise bad_request("messages", f"messages[{index}] has no role, only {sorted(map(str, message))}")
    content = message.get("content")
    if content is not None and not isinstance(content, (str, list, tuple)):
        raise bad_request(
            "messages", f"messages[{index}].content must be a string or a list of parts, not {content!r:.80}"
        )
    return message


def _resent(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an answer's message that a request has too, without nulls."""
    fields = {name: message[name] for name in REQUEST_MESSAGE_FIELDS if message.get(name) is not None}
    if isinstance(fields.get("audio"), Mapping):
        fields["audio"] = {"id": fields["audio"].get("id")}
    if "tool_calls" in fields:
        fields["tool_calls"] = [_without_nulls(call) for call in fields["tool_calls"]]
        fields.setdefault("content", None)
    return fields


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return value


def _response_format(value: Any) -> Any:
    if not isinstance(value, type):
        return value
    if not hasattr(value, "model_json_schema"):
        raise bad_request(
            "response_format", f"response_format takes a pydantic class or an object, not {value.__name__}"
        )
    schema = _strict(value.model_json_schema())
    return {"type": "json_schema", "json_schema": {"name": value.__name__, "schema": schema, "strict": True}}


def _text_format(value: Any, text: Any) -> dict[str, Any]:
    """Return the `text` of a Responses call with the format of a pydantic class; its other fields are kept."""
    schema = _response_format(value)
    if isinstance(value, type):
        schema = {"type": "json_schema", **schema["json_schema"]}
    return {**(text if isinstance(text, Mapping) else {}), "format": schema}


def _strict(schema: Any) -> Any:
    """Close every object of a JSON schema, as strict structured output demands.

    Source: the structured-output rules of the OpenAI API: `additionalProperties: false`, every
    property required, no default, no sibling of a `$ref`.
    """
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    closed = {
        name: {key: _strict(item) for key, item in value.items()} if name in ("properties", "$defs") else _strict(value)
        for name, value in schema.items()
        if name != "default"
    }
    if "properties" in closed:
        closed["additionalProperties"] = False
        closed["required"] = list(closed["properties"])
    return closed
