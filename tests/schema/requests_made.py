"""What a prepared call would send, as the value that the description speaks of.

Reads prepared requests only; sends nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from llmgate_core import Client, Settings
from llmgate_core.contracts import LedgerEntry
from llmgate_core.json_codec import decode
from llmgate_core.multipart import FilePart, Multipart
from tests.schema.description import endpoint_of, form_value, wrong_body, wrong_query

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
        request = client.prepare(family, model, inputs, {"api_base": HOME, **arguments}, operation=operation)
    endpoint = endpoint_of(request.request.method, request.request.path)
    body, media = request.request.body, ""
    value: Any = None
    if isinstance(body, Multipart):
        media, value = FORM, {**form_value(endpoint, body.fields), **_files(body.files)}
    elif body:
        assert isinstance(body, bytes)
        media, value = "application/json", decode(body)
    query = _query(request.request.query)
    wrong = wrong_query(endpoint, query)
    if media:
        wrong = wrong or wrong_body(endpoint, media, value)
    path = [unquote(part) for part in request.request.path.split("/")]
    return Sent(endpoint, media, value, path, query, request.ledger, wrong)


@cache
def _client(preview: bool) -> Client:
    return Client(api_key="sk-test", settings=Settings(enable_preview_features=preview))


def _files(files: Any) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, file in files:
        assert isinstance(file, FilePart)
        if name.endswith("[]"):
            value.setdefault(name.removesuffix("[]"), []).append(file.filename)
        else:
            assert name not in value, f"the form has two files {name}"
            value[name] = file.filename
    return value


def _query(query: Any) -> dict[str, Any]:
    pairs = query.items() if isinstance(query, Mapping) else query
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
