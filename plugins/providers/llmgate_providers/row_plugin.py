"""Make a plugin of a row: `OpenAICompatible` with the row's facts, and with the quirks that it has as steps.

Pure. Which class a row gets depends on what it says: one that edits no body has no hook for requests of its own, so
that a gateway sends the caller's bytes on, and one that edits no answer hands the upstream's bytes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import (
    Call,
    CanonicalParser,
    Converted,
    JsonObject,
    LedgerEntry,
    OpenAICompatible,
    ParamRule,
    Route,
    StreamParser,
    UpstreamRequest,
    UpstreamResponse,
    hookimpl,
)
from llmgate_providers.quirks.answers import AnswerEdit
from llmgate_providers.quirks.made import FamilyQuirks, chained, quirks_by_family
from llmgate_providers.row import Quirk, Row

__all__ = ["RowPlugin", "plugin_of_row"]

NO_QUIRKS = FamilyQuirks(MappingProxyType({}), (), ())
PLACE = re.compile(r"\{(\w+)\}")
"""Where the value of an option goes in a header."""
Edits = Sequence[tuple[Quirk, AnswerEdit]]


def plugin_of_row(row: Row, family: str | None = None) -> RowPlugin:
    """Return the plugin of a row: for a family that it serves apart from the others, or for those others."""
    quirks = quirks_by_family(row.quirks)
    paths = {name: part.path for name, part in row.families.items() if part.path is not None}
    headers = row.header_templates(family)
    edits_requests = bool(paths or headers) or any(it.body_edits for it in quirks.values())
    edits_answers = any(it.answer_edits for it in quirks.values())
    return PLUGIN_CLASSES[edits_requests, edits_answers](row, family, quirks, paths, headers)


class RowPlugin(OpenAICompatible):
    """Serves the families of one row. Parameters are judged; requests and answers pass as they are.

    Attributes:
        row: what it was made of.
    """

    def __init__(
        self,
        row: Row,
        family: str | None,
        quirks: Mapping[str, FamilyQuirks],
        paths: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> None:
        self.row = row
        self.info = row.info(family)
        self.encodes_vectors = row.encodes_vectors
        self.source = row.source
        self._quirks = quirks
        self._paths = paths
        self._templates = headers

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge by the row's quirks, whatever the catalogue knows of the model, then as every compatible provider."""
        quirks = self._quirks.get(route.family)
        rule = None if quirks is None else quirks.judge(route, param, value)
        if rule is not None and rule.applies is None:
            return rule
        verdict = OpenAICompatible.supports_param(self, route, param, value)
        return chained((rule, verdict)) if isinstance(verdict, ParamRule) else verdict if rule is None else rule


class _EditsRequests(RowPlugin):
    """A row with another path, with headers that depend on options, or with quirks of bodies."""

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Edit the body; where nothing changes it is sent as it came.

        Raises:
            BadRequestError: the call is malformed. UnsupportedParamsError: the provider does not take it.
        """
        body, ledger = self._quirks.get(route.family, NO_QUIRKS).edited_body(call.body, route)
        request = OpenAICompatible.transform_request(
            self, call if body is call.body else replace(call, body=body), route
        )
        if body is not call.body and request.body is body:  # core adds the model to the call's own body only
            request = request.with_body({"model": route.model, **body} if route.model else body)
        path = self._paths.get(route.family) if call.operation == "create" else None
        return replace(
            request,
            path=path or request.path,
            headers={**request.headers, **self._headers_of(route)},
            ledger=(*ledger, *request.ledger),
        )

    def _headers_of(self, route: Route) -> Mapping[str, str]:
        """Return the headers whose options are set."""
        return {
            name: PLACE.sub(lambda match: route.options[match[1]], template)
            for name, template in self._templates.items()
            if all(option in route.options for option in PLACE.findall(template))
        }


class _EditsAnswers(RowPlugin):
    """A row with quirks of answers."""

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Edit the answer; where nothing changes it is read straight from its bytes.

        Raises:
            APIError: the answer reports an error.
        """
        edits = self._quirks.get(route.family, NO_QUIRKS).edits_answers_of(route)
        answer = OpenAICompatible.transform_response(self, call, route, response)
        if not edits or isinstance(answer, Converted):
            return answer
        plain = response.json() if answer is response else answer
        if not isinstance(plain, dict):
            return answer
        edited, ledger = _edited(plain, edits)
        return answer if edited is plain else Converted(edited, ledger)

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return a parser that edits each chunk; None: the model has no such quirk."""
        edits = self._quirks.get(route.family, NO_QUIRKS).edits_answers_of(route)
        return _editing_parser(edits) if edits else None


class _EditsBoth(_EditsRequests, _EditsAnswers):
    """A row with quirks of both."""


PLUGIN_CLASSES: Mapping[tuple[bool, bool], type[RowPlugin]] = MappingProxyType(
    {
        (False, False): RowPlugin,
        (True, False): _EditsRequests,
        (False, True): _EditsAnswers,
        (True, True): _EditsBoth,
    }
)
"""(Edits requests, edits answers) -> the class."""


def _editing_parser(edits: Edits) -> StreamParser:
    """Return a parser that edits each chunk, and says once what it has changed."""
    ledger: list[LedgerEntry] = []

    def edit(chunk: JsonObject) -> JsonObject:
        edited, entries = _edited(chunk, edits)
        ledger.extend(entry for entry in entries if entry not in ledger)
        return edited

    return CanonicalParser(edit, ledger)


def _edited(answer: JsonObject, edits: Edits) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return an answer or a chunk with all edits, and what the ledger says of them."""
    entries: tuple[LedgerEntry, ...] = ()
    for quirk, edit in edits:
        edited = edit(answer)
        if edited is not answer:
            entries += (LedgerEntry("answer", "bridged", quirk.reason, quirk.source),)
        answer = edited
    return answer, entries
