"""What a prepared call would put on the wire, read back as the value that the description speaks of.

Sends nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from llmgate_core import Client, Settings
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.json_codec import decode
from tests.support.multipart_form import Part, read_form
from tests.support.openapi_description import endpoint_of, form_value, wrong_body, wrong_query

__all__ = ["HOME", "Sent", "prepared"]

HOME = "https://api.openai.com/v1"
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Sent:
    """One request.

    Attributes:
        endpoint: as the description calls the operation.
        media: of the body; empty: there is none.
        body: None: there is none. path, query: what stands in the URL.
        wrong: what the description finds wrong with body or query; None: nothing.
    """

    endpoint: str
    media: str
    body: Any
    path: list[str]
    query: Mapping[str, Any]
    ledger: tuple[LedgerEntry, ...]
    wrong: str | None

    @property
    def noted(self) -> set[str]:
        """The parameters that the ledger names, also where it speaks of a part of one."""
        return {entry.parameter.split(".")[0] for entry in self.ledger}


def prepared(
    family: str,
    model: str | None,
    inputs: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    operation: str = "create",
    preview: bool = True,
) -> Sent:
    """Return what a call would send; what it loses is in the ledger, so that the warning of it says nothing new."""
    client = _client(preview)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        call = client.prepare(family, model, inputs, {"api_base": HOME, **arguments}, operation=operation)
    request = call.builder.transport_request(call.request)
    path, _, query_text = request.target.removeprefix("/v1").partition("?")
    endpoint, query = endpoint_of(request.method, path), _query(parse_qsl(query_text))
    content_type = dict(request.headers).get("content-type", "")
    media = content_type.partition(";")[0]
    content = request.content if isinstance(request.content, bytes) else b"".join(request.content.blocks())
    body = None
    if media == FORM:
        body = _form(endpoint, read_form(content_type, content))
    elif media:
        body = decode(content)
    wrong = wrong_query(endpoint, query)
    if media:
        wrong = wrong or wrong_body(endpoint, media, body)
    return Sent(endpoint, media, body, [unquote(part) for part in path.split("/")], query, call.ledger, wrong)


@cache
def _client(preview: bool) -> Client:
    return Client(api_key="sk-test", settings=Settings(enable_preview_features=preview))


def _form(endpoint: str, parts: list[Part]) -> dict[str, Any]:
    """Return a form's fields as values; a file as its name."""
    value = form_value(endpoint, [(part.name, part.content.decode()) for part in parts if part.filename is None])
    for part in parts:
        if part.filename is None:
            continue
        if part.name.endswith("[]"):
            value.setdefault(part.name.removesuffix("[]"), []).append(part.filename)
        else:
            assert part.name not in value, f"the form has two files {part.name}"
            value[part.name] = part.filename
    return value


def _query(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, text in pairs:
        base, _, key = name.removesuffix("]").partition("[")
        if not name.endswith("]"):
            value[name] = _scalar(text)
        elif key:
            value.setdefault(base, {})[key] = text
        else:
            value.setdefault(base, []).append(text)
    return value


def _scalar(text: str) -> Any:
    return decode(text) if text in ("true", "false") or text.isdecimal() else text
