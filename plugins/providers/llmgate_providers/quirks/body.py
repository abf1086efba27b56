"""Quirks of the rest of a body: fields that are always sent, longer names of models, models that only stream. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.plugin import JsonObject, Ledger, Route
from llmgate_providers.quirks.edits import BodyEdit, MakeEdit
from llmgate_providers.row import Quirk

__all__ = ["BODY_EDITS"]


def _add_fields(quirk: Quirk) -> BodyEdit:
    fields: Mapping[str, object] = quirk.given["fields"]
    is_forced, with_stream = quirk.given.get("replace", False), quirk.given.get("with_stream", False)

    def edit(body: JsonObject, _route: Route, ledger: Ledger) -> JsonObject:
        if with_stream and not body.get("stream"):
            return body
        added = {name: value for name, value in fields.items() if body.get(name) != value}
        if not is_forced:
            added = {name: value for name, value in added.items() if name not in body}
        for name in added:
            if name in body:
                ledger.lost(name, quirk.reason)
            else:
                ledger.bridged(name, quirk.reason)
        return {**body, **added} if added else body

    return edit


def _name_model(quirk: Quirk) -> BodyEdit:
    prefix: str = quirk.given["prefix"]
    unless = re.compile(quirk.given["unless"])

    def edit(body: JsonObject, route: Route, ledger: Ledger) -> JsonObject:
        if not route.model or unless.fullmatch(route.model):
            return body
        ledger.bridged("model", quirk.reason)
        return {**body, "model": prefix + route.model}

    return edit


def _need_stream(quirk: Quirk) -> BodyEdit:
    def edit(body: JsonObject, route: Route, _ledger: Ledger) -> JsonObject:
        if not body.get("stream") and route.param_policy != "forward":
            raise route.refuse("stream", f"{quirk.reason}: pass stream=True [{quirk.source}]")
        return body

    return edit


BODY_EDITS: Mapping[str, MakeEdit] = MappingProxyType(
    {"add_fields": _add_fields, "name_model": _name_model, "need_stream": _need_stream}
)
"""Name of a quirk -> what makes its edit."""
