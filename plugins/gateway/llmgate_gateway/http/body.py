"""Read a request's body: whole, within its limit, and without names that belong to the config.

Knows nothing of what is served. A body is data: no field of it names a host, a key, a header or a file of this machine.

Source: rows R9, R21, S5 and S7 of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

from llmgate_core.serving import FAMILIES, OPENAI_PARAMETERS, OPTION_NAMES, FilePart, decode, has_more_values
from llmgate_gateway.http.compression import TooLongError, content_encoding, decompressed, unsupported_encoding
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import RefusedError, refuse

__all__ = [
    "FORBIDDEN",
    "body_limit",
    "check_names",
    "decode_object",
    "json_body",
    "query_fields",
    "read_whole",
    "sent_length",
    "too_large",
]

FORBIDDEN = OPTION_NAMES | frozenset(
    {
        "additional_headers",
        "api_type",
        "api_version",
        "azure_ad_token",
        "azure_endpoint",
        "base_url",
        "custom_llm_provider",
        "default_headers",
        "default_query",
        "deployment_id",
        "extra_query",
        "headers",
        "http_client",
        "num_retries",
        "proxies",
        "proxy",
        "ssl_verify",
        "user_config",
    }
)
"""Names that would decide where a request goes, and how; only the config may."""

BODY_SETTING = "limits.max_body"
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "UTF-8", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
JSON_SETTING = "limits.max_json_body or limits.max_body"
ALTERNATIVES = frozenset({"fallbacks", "models", "route"})
"""Names by which some upstreams choose a model other than `model`. Source: OpenRouter's and LiteLLM's references."""
FORBIDDEN_START = "litellm"
MAX_QUERY_FIELDS = 100
MAY_GROW = 64
"""So many times its size a compressed body may have, for the choice of where to decompress it."""


def _fold(name: str) -> str:
    """Return a name as upstreams compare it that ignore case, and that map `maxTokens` and `max-tokens` alike.

    Source: the documentation of Go's `encoding/json`, in which Ollama and LocalAI are written.
    """
    return name.casefold().replace("_", "").replace("-", "")


FOLDED_FORBIDDEN = frozenset(_fold(name) for name in FORBIDDEN)


def _is_harmless(name: str) -> bool:
    """Return whether a name neither belongs to the config nor could name a model, however an upstream reads it."""
    folded = _fold(name)
    belongs_to_config = folded in FOLDED_FORBIDDEN or folded.startswith(FORBIDDEN_START)
    return not belongs_to_config and folded not in ALTERNATIVES and (folded != "model" or name == "model")


PARAMETERS = chain({"model"}, *(family.inputs for family in FAMILIES.values()), *OPENAI_PARAMETERS.values())
HARMLESS = frozenset(filter(_is_harmless, PARAMETERS))
"""Names of OpenAI's parameters of which the loop in `check_names` would refuse none."""


def sent_length(request: ClientRequest) -> int | None:
    """Return the body's length as the client gave it, or None if it is chunked or there is no body.

    Raises:
        RefusedError: 400: it is not clear where the body ends.
    """
    length = request.headers.get(b"content-length")
    if length is None:
        return None
    is_one = not request.has_repeats or len(set(request.values(b"content-length"))) == 1
    if not is_one or not length.isdigit() or b"transfer-encoding" in request.headers:
        raise refuse(400, "The length of the request's body is ambiguous.", code="invalid_request", close=True)
    return int(length)


def body_limit(
    request: ClientRequest, limit: int, setting: str | None = BODY_SETTING, *, may_be_compressed: bool = False
) -> int | None:
    """Return the body's length as the client gave it, after checking that it is within `limit`.

    Raises:
        RefusedError: 413, or 415 if it is compressed and must not be, before a byte of it has been read.
    """
    if not may_be_compressed and (encoding := content_encoding(request)) is not None:
        raise unsupported_encoding(encoding, takes="identity")
    length = sent_length(request)
    if length is not None and length > limit:
        raise too_large(limit, setting)
    return length


def too_large(limit: int, setting: str | None = BODY_SETTING) -> RefusedError:
    """Return the refusal of a body beyond its limit, which `setting` decides; None: no setting does."""
    by = "" if setting is None else f" ({setting} in the gateway's config)"
    return refuse(413, f"The request's body is larger than {limit} bytes{by}.", code="request_too_large", close=True)


async def read_whole(request: ClientRequest, limit: int, setting: str | None = JSON_SETTING) -> bytes:
    """Return the whole body, decompressed, which `setting` limits as it arrives and as it is then.

    Raises:
        RefusedError: 413, at the block that exceeds the limit; 400 or 415 for what cannot be decompressed.
            ClientGoneError: the client disconnected.
    """
    encoding = content_encoding(request) if b"content-encoding" in request.headers else None
    body_limit(request, limit, setting, may_be_compressed=True)
    content, more = await request.read()
    if more or len(content) > limit:
        content = await _read_rest(request, content, limit, setting, more=more)
    if encoding is None:
        return content
    try:
        return await request.large_work.run(len(content) * MAY_GROW, decompressed, content, encoding, limit)
    except TooLongError:
        raise too_large(limit, setting) from None


async def _read_rest(request: ClientRequest, block: bytes, limit: int, setting: str | None, *, more: bool) -> bytes:
    """Return the whole of a body whose first block has been read, and ends it unless `more`."""
    blocks, size = [block], len(block)
    while more:
        if size > limit:
            raise too_large(limit, setting)
        block, more = await request.read()
        blocks.append(block)
        size += len(block)
    if size > limit:
        raise too_large(limit, setting)
    return b"".join(blocks)


def json_body(
    request: ClientRequest, content: bytes, *, optional: bool = False, max_values: int | None = None
) -> dict[str, Any]:
    """Return the object in a JSON body; with `optional`, no body means an empty object.

    Raises:
        RefusedError: 415 or 400; 413 if it holds more than `max_values`.
    """
    kind = request.headers.get(b"content-type")
    if kind is not None and kind != b"application/json":
        _check_json_type(kind)
    if optional and not content:
        return {}
    return decode_object(content, max_values=max_values)


def decode_object(content: bytes, *, max_values: int | None) -> dict[str, Any]:
    """Return the object that JSON holds.

    Raises:
        RefusedError: 400, or 413 if it holds more than `max_values`; see `has_more_values`.
    """
    if max_values is not None and has_more_values(content, max_values):
        raise _too_many_values(max_values)
    try:
        body = decode(content)
    except ValueError as error:
        raise refuse(
            400, f"The request's body is not valid JSON: {_description(error, content)}", code="invalid_json"
        ) from None
    if not isinstance(body, dict):
        raise refuse(400, "The request's body must be a JSON object.", code="invalid_json")
    return body


def check_names(body: Mapping[str, Any], *, files: Iterable[str] = (), has_model_list: bool = False) -> None:
    """Refuse names that belong to the config, and a string in the place of a file, which would name a local path.

    Names are compared as the most lenient upstreams read them: in any case, and without `-` and `_`.

    Args:
        body: the parameters by their names.
        files: those that take a file.
        has_model_list: the caller may use some models only, so nothing but `model` may name one.

    Raises:
        RefusedError: 400, naming the parameter; 403 for another name of a model.
    """
    for name in () if HARMLESS.issuperset(body) else body:
        folded = _fold(name)
        if folded in FOLDED_FORBIDDEN or folded.startswith(FORBIDDEN_START):
            raise _belongs_to_config(name)
        if folded == "model" and name != "model":
            message = f"{name[:80]!r} would name a model beside 'model': some upstreams do not tell them apart."
            raise refuse(400, message, code="parameter_not_allowed", param=name[:80])
        if has_model_list and folded in ALTERNATIVES:
            message = f"{name[:80]!r} is not allowed with this key, since it may name other models than 'model' does."
            raise refuse(403, message, code="model_not_allowed", param=name[:80])
    if has_model_list and any(map(_names_model, _tools_of(body))):
        message = "A tool with a model of its own is not allowed with this key, which may use some models only."
        raise refuse(403, message, code="model_not_allowed", param="tools")
    for name in files:
        if name in body and not _is_reference(body[name]):
            message = f"{name} must be sent as a file part of a multipart/form-data request."
            raise refuse(400, message, code="invalid_file", param=name)


def _tools_of(body: Mapping[str, Any]) -> Iterator[Any]:
    for name, value in body.items():
        if _fold(name) == "tools" and isinstance(value, list):
            yield from value


def _names_model(tool: Any) -> bool:
    """Return whether a tool of the upstream's own works with a model that it names, as an advisor or a painter does."""
    return isinstance(tool, dict) and any(_fold(name) == "model" for name in tool)


def query_fields(query: bytes, allowed: frozenset[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the fields of a query that the operation has, and the names of all others.

    Raises:
        RefusedError: 400: the query is not valid, or has a name that belongs to the config.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS, errors="strict"
        )
    except ValueError:
        raise refuse(400, "The query of the request is not valid.", code="invalid_query") from None
    check_names(dict(pairs))
    fields = [(name, value) for name, value in pairs if name.partition("[")[0] in allowed]
    unknown = [name for name, _ in pairs if name.partition("[")[0] not in allowed]
    return fields, unknown


def _check_json_type(kind: bytes) -> None:
    media, _, parameters = kind.lower().partition(b";")
    media = media.strip()
    is_json = media == b"application/json" or (media.startswith(b"application/") and media.endswith(b"+json"))
    if is_json and (b"charset" not in parameters or b"utf-8" in parameters.replace(b"utf8", b"utf-8")):
        return
    message = "This endpoint takes JSON in UTF-8: send 'Content-Type: application/json'."
    raise refuse(415, message, code="unsupported_media_type", close=True)


def _description(error: ValueError, content: bytes) -> str:
    """Return what is wrong, without repeating the content."""
    if not content:
        return "it is empty."
    if mark := next((mark for mark in BYTE_ORDER_MARKS if content.startswith(mark)), None):
        return f"it begins with a byte order mark, of {BYTE_ORDER_MARKS[mark]}. Send UTF-8 without one."
    message = str(error)
    position = message[message.rfind(" at line ") :] if " at line " in message else ""
    return f"{message.removesuffix(position).partition(':')[0][:120]}{position}."


def _too_many_values(limit: int) -> RefusedError:
    message = (
        f"The request's body holds more than {limit} arrays, objects and members of objects, of which eight other "
        "values count as one. The gateway's limit is general_settings.limits.max_json_values."
    )
    return refuse(413, message, code="too_many_values")


def _is_reference(value: Any) -> bool:
    """Return whether the value for a file is a file, an object, or a list of these: nothing that names a path."""
    if isinstance(value, list):
        return all(isinstance(item, (dict, FilePart)) for item in value)
    return value is None or isinstance(value, (dict, FilePart))


def _belongs_to_config(name: str) -> RefusedError:
    message = f"{name[:80]!r} cannot be set in a request: the gateway's config decides where requests go, and how."
    return refuse(400, message, code="parameter_not_allowed", param=name[:80])
