"""The kinds of value in a config, each with its check.

Pure. The message of a check never shows the value: it may be a key.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from llmgate_core.serving import Secret

__all__ = [
    "BaseURL",
    "Bytes",
    "Count",
    "HeaderText",
    "Headers",
    "Key",
    "ModelName",
    "ModelString",
    "Names",
    "Number",
    "Price",
    "ProviderOptions",
    "Seconds",
    "is_loopback",
]

MASK = "***"
MAX_NAME_CHARACTERS = 256
MAX_STARS = 2
UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2, "gib": 1024**3}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
SHELL_VARIABLE = re.compile(r"\$\{?\w+\}?")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OWN_HEADERS = frozenset({"authorization", "host", "content-length", "transfer-encoding", "connection"})

T = TypeVar("T")


def _not_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


def _bytes(value: Any) -> Any:
    if isinstance(value, str):
        match = SIZE.fullmatch(value.strip())
        if match is None or match[2].lower() not in UNITS:
            raise ValueError("must be a size such as 25MB, 64KiB or a number of bytes")
        return int(float(match[1]) * UNITS[match[2].lower()])
    return _not_flag(value)


def _key(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, list | tuple | Mapping):
        raise ValueError(f"must be a string, not a {'mapping' if isinstance(value, Mapping) else 'list'}")
    if not isinstance(value, str):
        raise ValueError("must be a string; put it in quotes")
    text = value.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be printable ASCII without spaces (the value is not shown)")
    if SHELL_VARIABLE.fullmatch(text):
        raise ValueError("is a shell variable, which is not expanded here; write os.environ/NAME")
    return Secret(text)


def _header_text(value: str) -> str:
    if not value.isprintable() or not value.isascii():
        raise ValueError("has characters that a header value cannot have (the value is not shown)")
    return value


def _headers(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of header names to strings")
    headers = {}
    for name, text in value.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            raise ValueError("has a header name that HTTP does not allow")
        if name.lower() in OWN_HEADERS:
            raise ValueError(f"cannot set {name.lower()}, which belongs to the gateway")
        if isinstance(text, Secret):
            headers[name] = text
        elif isinstance(text, str) and text.isprintable() and text.isascii():
            headers[name] = Secret(text)
        else:
            raise ValueError(f"the header {name} must be a string of printable ASCII (the value is not shown)")
    return headers


def _provider_options(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of options to strings")
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str | Secret):
            raise ValueError(f"the option {name!r:.80} must be a string; put it in quotes")
        if isinstance(text, str) and SHELL_VARIABLE.fullmatch(text.strip()):
            raise ValueError(f"the option {name!r:.80} is a shell variable; write os.environ/NAME")
    return {name: text if isinstance(text, Secret) else Secret(text) for name, text in value.items()}


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be a URL such as https://your-host/v1") from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or not value.isprintable() or " " in value:
        raise ValueError("must be a URL such as https://your-host/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has a user or password in the URL; use api_key or extra_headers")
    if parts.fragment:
        raise ValueError("cannot have a fragment")
    head, mark, query = value.partition("?")
    return head.rstrip("/") + mark + query


def _name(value: str) -> str:
    if not value.strip() or value != value.strip() or not value.isprintable():
        raise ValueError("must be a printable string without spaces around it")
    if len(value) > MAX_NAME_CHARACTERS:
        raise ValueError(f"is longer than {MAX_NAME_CHARACTERS} characters")
    if value.count("*") > MAX_STARS:
        raise ValueError(f"has more than {MAX_STARS} stars")
    return value


def _model_string(value: str) -> str:
    _name(value)
    segments = value.split("/")
    if "://" in value or " " in value or not all(segments) or "." in segments or ".." in segments:
        raise ValueError("must be a model string such as openai/gpt-4o")
    return value


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _unique(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback  # before Python 3.13 `::ffff:127.0.0.1` does not count as such


def masked(value: Any) -> Any:
    """Return a value with every string in it masked."""
    if isinstance(value, str):
        return MASK
    if isinstance(value, Mapping):
        return {key: masked(item) for key, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list | tuple) else value


Count = Annotated[int, BeforeValidator(_not_flag), Field(ge=0)]
"""A whole number, not negative."""
Number = Annotated[float, BeforeValidator(_not_flag), Field(ge=0, allow_inf_nan=False)]
Price = Annotated[float, BeforeValidator(_not_flag), Field(ge=0, allow_inf_nan=False)]
"""US dollars."""
Seconds = Annotated[float, BeforeValidator(_not_flag), Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[
    int,
    BeforeValidator(_bytes),
    Field(gt=0),
    WithJsonSchema({"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^\d"}]}),
]
"""A size: `25MB`, `64KiB`, or a number of bytes."""
Key = Annotated[
    Secret,
    PlainValidator(_key),
    PlainSerializer(lambda _: MASK, str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
"""A key: wrapped in a `Secret` at once, and never shown."""
Headers = Annotated[
    Mapping[str, Secret],
    PlainValidator(_headers),
    PlainSerializer(lambda headers: dict.fromkeys(headers, MASK), dict[str, str]),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
"""Headers to send; their values are secrets too."""
ProviderOptions = Annotated[
    Mapping[str, Secret],
    PlainValidator(_provider_options),
    PlainSerializer(lambda options: dict.fromkeys(options, MASK), dict[str, str]),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
"""What a plugin needs besides the key; each may be a secret."""
Options = Annotated[dict[str, Any], PlainSerializer(masked, dict[str, Any])]
"""What an extension is given; it may hold secrets."""
HeaderText = Annotated[str, Field(min_length=1), AfterValidator(_header_text)]
BaseURL = Annotated[str, AfterValidator(_base_url)]
ModelName = Annotated[str, AfterValidator(_name)]
ModelString = Annotated[str, AfterValidator(_model_string)]
Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_many),
    AfterValidator(_unique),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}),
]
"""A list of names; a single name means a list of one."""
