"""The hooks of an upstream that speaks the OpenAI API, for plugins to inherit.

Pure. A subclass sets `info` and the tables that it needs; every hook that it does not override passes requests and
answers on as they are.

    class Acme(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="acme", base_url="https://api.acme.example/v1", env_key="ACME_API_KEY")
        unsupported = frozenset({"logit_bias"})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from llmgate_core.catalogue.modalities import judge_input
from llmgate_core.catalogue.rules import judge, judge_reasoning, judge_text
from llmgate_core.catalogue.sources import OPENAI_REFERENCE
from llmgate_core.catalogue.values import Requires, ValueRule, judge_requirement, judge_value
from llmgate_core.contract.call import Call, JsonObject, ModelFacts, Route
from llmgate_core.contract.hooks import hookimpl
from llmgate_core.contract.provider import ParamRule, ProviderInfo
from llmgate_core.contract.upstream import Converted, StreamParser, UpstreamRequest, UpstreamResponse
from llmgate_core.endpoints.files import FileInput, arrange_files
from llmgate_core.endpoints.openai import ENDPOINTS, HTTPEndpoint, canonical_endpoint, endpoint_request
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS

__all__ = ["OpenAICompatible"]

ENCODING = "encoding_format"
NO_TABLE: Mapping[str, Any] = MappingProxyType({})


class OpenAICompatible:
    """Every family of the OpenAI API, sent and received unchanged.

    Attributes:
        params: family -> request parameter -> the values that it takes.
        inputs: family -> input -> the values that it takes; None: only the catalogue judges it. An input that is
            missing here is not judged, and one that is refused is never left out of a call.
        requires: family -> request parameter -> the other parameter that it needs.
        files: `family.operation` -> input -> in which shapes it takes files.
        source: how a ledger entry names these tables.
        rename: request parameters that this upstream calls something else.
        unsupported: request parameters that it does not take.
        unsupported_in_messages: fields of chat messages that models in the catalogue do not take, and why.
        encodes_vectors: True: it takes `encoding_format="base64"`, which core asks for where the caller does not say.
            False: it sends only numbers, which core encodes for a caller that asks for base64. None: not known, what
            the caller asks for is sent.
    """

    info: ProviderInfo
    params: Mapping[str, Mapping[str, ValueRule]] = NO_TABLE
    inputs: Mapping[str, Mapping[str, ValueRule | None]] = NO_TABLE
    requires: Mapping[str, Mapping[str, Requires]] = NO_TABLE
    files: Mapping[str, Mapping[str, FileInput]] = NO_TABLE
    source: str = OPENAI_REFERENCE
    rename: Mapping[str, str] = NO_TABLE
    unsupported: frozenset[str] = frozenset()
    unsupported_in_messages: Mapping[str, str] = NO_TABLE
    encodes_vectors: bool | None = None

    @hookimpl
    def transform_request(self, call: Call, route: Route) -> UpstreamRequest:
        """Send the body to the operation's path.

        Raises:
            BadRequestError: an id or a file is missing or malformed.
        """
        if self._sends_numbers(call):
            body = {name: value for name, value in call.body.items() if name != ENCODING}
            return UpstreamRequest("POST", ENDPOINTS["embedding"]["create"].path, {"model": route.model, **body})
        shapes = self._file_shapes(call)
        if shapes is None:
            return endpoint_request(call, route, self._unsupported_in_messages(route))
        body, ledger = arrange_files(call, route, shapes, self.source)
        if body is call.body:
            return endpoint_request(call, route)
        endpoint = ENDPOINTS[call.family][call.operation]
        return UpstreamRequest(endpoint.method, endpoint.path, body, ledger=ledger)

    def canonical_endpoint(self, call: Call, route: Route) -> HTTPEndpoint | None:
        """Return the endpoint to which `transform_request` sends the body as it is; None: ask `transform_request`."""
        if self._file_shapes(call) is not None or self._sends_numbers(call):
            return None
        return canonical_endpoint(call, route, self._unsupported_in_messages(route))

    def _sends_numbers(self, call: Call) -> bool:
        """Return whether base64 is asked of an upstream that has none: core packs the numbers of a converted answer."""
        return self.encodes_vectors is False and call.family == "embedding" and call.body.get(ENCODING) == "base64"

    def _file_shapes(self, call: Call) -> Mapping[str, FileInput] | None:
        return self.files.get(f"{call.family}.{call.operation}") if self.files else None

    def _unsupported_in_messages(self, route: Route) -> Mapping[str, str]:
        return NO_TABLE if route.facts is None else self.unsupported_in_messages

    @hookimpl
    def transform_response(
        self, call: Call, route: Route, response: UpstreamResponse
    ) -> JsonObject | Converted | UpstreamResponse:
        """Return the answer itself: it is canonical, and is read straight from its bytes."""
        return response.json() if self._sends_numbers(call) else response

    @hookimpl
    def stream_parser(self, call: Call, route: Route) -> StreamParser | None:
        """Return None: every event is canonical."""
        return None

    def passes_answers(self, route: Route) -> bool:  # a subclass decides by it
        """Return whether the hooks for answers return what they get, without reading the call again.

        Of a large call that is relayed the decoded body is then freed as soon as its request has been made.
        """
        return self._has_hooks_of(OpenAICompatible) and (
            self.encodes_vectors is not False or route.family != "embedding"
        )

    def _has_hooks_of(self, base: type[OpenAICompatible]) -> bool:
        kind = type(self)
        return kind.transform_response is base.transform_response and kind.stream_parser is base.stream_parser

    @hookimpl
    def supports_param(self, route: Route, param: str, value: Any) -> ParamRule | bool | None:
        """Judge by the tables of the class, then by the catalogue's row, then by the other parameters of the request.

        A model that the catalogue does not hold is judged by `unsupported` and `rename` alone, and null never is.
        """
        if param in self.unsupported:
            return False
        if param in self.rename:
            return ParamRule(rename=self.rename[param], reason=f"{route.provider} calls it {self.rename[param]}")
        facts = route.facts
        if facts is None or value is None:
            return None
        return (
            self._judge_by_tables(route.family, param, value)
            or self._judge_by_row(facts, route.family, param, value)
            or judge_requirement(value, self.requires.get(route.family, NO_TABLE).get(param), self.source)
        )

    def _judge_by_tables(self, family: str, param: str, value: Any) -> ParamRule | None:
        rules: Mapping[str, ValueRule] = self.params.get(family, NO_TABLE)
        if param in rules:
            return judge_value(param, value, rules[param], self.source)
        rule = judge_value(param, value, self.inputs.get(family, NO_TABLE).get(param), self.source)
        return None if rule is None else replace(rule, droppable=False)

    def _judge_by_row(self, facts: ModelFacts, family: str, param: str, value: Any) -> ParamRule | None:
        if family != "responses":
            documented = self.params.get(family) or OPENAI_PARAMETERS.get(family, NO_TABLE)
            return judge(facts, param, value, judged=documented)
        if param == "input":
            return judge_input(facts, value)
        judge_object = _RESPONSES_OBJECTS.get(param)
        if judge_object is not None and isinstance(value, Mapping):
            return judge_object(facts, value, judged=())
        return judge(facts, param, value, judged=())  # a row's allow list names chat's parameters


_RESPONSES_OBJECTS = MappingProxyType({"reasoning": judge_reasoning, "text": judge_text})
"""Parameters of POST /responses that hold what chat has as parameters of their own."""
