"""Convert a chat call's body to the body of generateContent.

Pure; does not modify the call. Every parameter is converted, passed on, or recorded in the ledger. Google's own
parameters are taken in both spellings and win over converted ones; what neither side documents is sent at the top.

Source: Gemini API reference, `GenerateContentRequest` and `GenerationConfig`, 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from llmgate_core.plugin import Call, JsonObject, Ledger, LedgerEntry, Route
from llmgate_gemini.wire.contents import Contents
from llmgate_gemini.wire.dialect import GEMINI_API, Dialect
from llmgate_gemini.wire.names import names_of
from llmgate_gemini.wire.reasoning import thinking_config
from llmgate_gemini.wire.schemas import openapi_schema
from llmgate_gemini.wire.spelling import camel, camel_keys
from llmgate_gemini.wire.tools import Tools
from llmgate_gemini.wire.traits import traits_of

__all__ = ["request_body"]

SAME_IN_CONFIG: Mapping[str, str] = MappingProxyType(
    {
        "temperature": "temperature",
        "top_p": "topP",
        "n": "candidateCount",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
        "logprobs": "responseLogprobs",
        "top_logprobs": "logprobs",
    }
)
"""OpenAI's parameter -> the field of `generationConfig` with the same value."""
OWN_IN_CONFIG = frozenset(
    {
        "topK", "thinkingConfig", "mediaResolution", "responseModalities", "speechConfig", "imageConfig",
        "responseMimeType", "responseSchema", "responseJsonSchema", "stopSequences", "maxOutputTokens",
        "candidateCount", "responseLogprobs", "audioTimestamp", "enableAffectiveDialog", "routingConfig",
        "modelSelectionConfig", "enableEnhancedCivicAnswers", "translationConfig", "audioTranscriptionConfig",
    }
)  # fmt: skip
"""Google's own parameters that belong to `generationConfig`."""
OWN_AT_TOP = frozenset({"safetySettings", "cachedContent", "labels", "toolConfig", "systemInstruction", "serviceTier"})
MERGED = frozenset({"generationConfig", "toolConfig"})
"""Objects of which given and converted fields are joined."""
NOT_WITH_CACHE = ("systemInstruction", "tools", "toolConfig")
"""What a cache has already, and a request that names one may not have. Source: Gemini API reference, "Caching"."""
SAMPLED = "audio/L16 samples, which are what Gemini sends"


def request_body(call: Call, route: Route, dialect: Dialect = GEMINI_API) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Return the body of `generateContent` and `streamGenerateContent`, and the ledger entries of the conversion.

    Raises:
        BadRequestError: the call is malformed.
        UnsupportedParamsError: something has no counterpart and the policy is `error`.
    """
    draft = _Draft(call, route, dialect)
    for name, value in call.body.items():
        if name in _SKIPPED or value is None:
            continue
        convert = _CONVERT.get(name)
        if convert is not None:
            convert(draft, name, value)
        else:
            draft.add_other(name, value)
    return draft.complete(), draft.ledger.entries


class _Draft:
    """The body under construction."""

    def __init__(self, call: Call, route: Route, dialect: Dialect) -> None:
        self.body = call.body
        self.route = route
        self.dialect = dialect
        self.ledger = Ledger(route, dialect.source)
        self.traits = traits_of(route.model)
        self.names = names_of(call.body)
        self.tools = Tools(route, self.ledger, self.traits, self.names)
        self.choice: tuple[Any, str] | None = None  # among tools, which may come behind it
        self.config: JsonObject = {}
        self.sent: JsonObject = {}
        self.own: JsonObject = {}  # Google's own parameters, which win
        self.own_config: JsonObject = {}

    def add_other(self, name: str, value: Any) -> None:
        """Add a parameter that is not OpenAI's: Google's own in its place, any other one at the top."""
        spelt = camel(name)
        if spelt in OWN_IN_CONFIG:
            self.own_config[spelt] = value
        elif spelt in OWN_AT_TOP or spelt in MERGED:
            self.own[spelt] = value
        else:
            self.own[name] = value

    def complete(self) -> JsonObject:
        """Return the complete body."""
        if self.names.renamed:
            reason = f"{len(self.names.renamed)} names do not fit Gemini's rules; they are restored in answers"
            self.ledger.bridged("tools", reason)
        contents = Contents(self.route, self.ledger, self.dialect, self.traits, self.names)
        contents.read(self.body.get("messages"))
        body: JsonObject = {"contents": contents.turns}
        if contents.system:
            body["systemInstruction"] = {"parts": contents.system}
        if self.choice is not None:
            self.tools.choose(*self.choice)
        body.update(self.tools.complete())
        body.update(self.sent)
        if config := self._config():
            body["generationConfig"] = config
        for name, value in self.own.items():
            self._add_own(body, name, value)
        return self._without_cached(body)

    def _config(self) -> JsonObject:
        given = self.own.get("generationConfig")
        given = camel_keys(given) if isinstance(given, dict) else {}
        if "thinkingConfig" in {**self.own_config, **given} and self.config.pop("thinkingConfig", None) is not None:
            self.ledger.dropped("reasoning_effort", "thinking_config is set too and wins")
        self._check_format()
        return {**self.config, **self.own_config, **given}

    def _check_format(self) -> None:
        """Judge JSON output beside functions, which older models refuse."""
        if "responseMimeType" not in self.config or self.traits.json_with_tools or not self.body.get("tools"):
            return
        reason = "this model has no JSON output in a request with tools"
        if not self.ledger.forwards("response_format", reason):
            for name in ("responseMimeType", "responseJsonSchema", "responseSchema"):
                self.config.pop(name, None)

    def _add_own(self, body: JsonObject, name: str, value: Any) -> None:
        if name == "generationConfig" and isinstance(value, dict):
            return
        if name == "systemInstruction" and isinstance(value, str):
            value = {"parts": [{"text": value}]}
        if name in MERGED and isinstance(value, dict):
            body[name] = {**body.get(name, {}), **camel_keys(value)}
            return
        if name in body:
            self.ledger.dropped("messages" if name == "systemInstruction" else name, f"{name} is set too and wins")
        body[name] = value

    def _without_cached(self, body: JsonObject) -> JsonObject:
        """Leave out what a cache has already."""
        if not body.get("cachedContent"):
            return body
        for name in NOT_WITH_CACHE:
            if name in body:
                self.ledger.lost("cached_content", f"a request with a cache may not have {name}: the cache has its own")
        return {name: value for name, value in body.items() if name not in NOT_WITH_CACHE}


def _same(draft: _Draft, name: str, value: Any) -> None:
    if not (name == "logprobs" and value is False):  # some models refuse the very field
        draft.config[SAME_IN_CONFIG[name]] = value
    else:
        draft.ledger.dropped(name, "False asks for nothing")


def _max_tokens(draft: _Draft, name: str, value: Any) -> None:
    if name == "max_tokens" and (winner := draft.body.get("max_completion_tokens")) is not None:
        record = draft.ledger.dropped if winner == value else draft.ledger.lost
        record(name, "max_completion_tokens is set too and wins")
        return
    draft.config["maxOutputTokens"] = value


def _stop(draft: _Draft, name: str, value: Any) -> None:
    stops = [value] if isinstance(value, str) else value
    if stops:
        draft.config["stopSequences"] = stops


def _effort(draft: _Draft, name: str, value: Any) -> None:
    if config := thinking_config(value, draft.traits, draft.route, draft.ledger):
        draft.config["thinkingConfig"] = config


def _thinking(draft: _Draft, name: str, value: Any) -> None:
    """Convert the `thinking` of Anthropic's API, which LiteLLM's users send to any model."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    budget = value.get("budget_tokens") if isinstance(value, Mapping) else None
    if draft.body.get("reasoning_effort") is not None:
        draft.ledger.lost(name, "reasoning_effort is set too and wins")
    elif kind == "disabled":
        _effort(draft, "reasoning_effort", "none")
    elif kind == "enabled" and isinstance(budget, int):
        draft.ledger.bridged(name, "sent as thinkingBudget")
        draft.config["thinkingConfig"] = {"thinkingBudget": budget, "includeThoughts": True}
    elif kind in ("enabled", "adaptive"):
        draft.ledger.bridged(name, "sent as includeThoughts")
        draft.config["thinkingConfig"] = {"includeThoughts": True}
    else:
        raise draft.route.bad_request(name, "thinking must have the type enabled, adaptive or disabled")


def _response_format(draft: _Draft, name: str, value: Any) -> None:
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind == "text":
        return
    if kind not in ("json_object", "json_schema"):
        raise draft.route.bad_request(name, "response_format must have the type text, json_object or json_schema")
    draft.config["responseMimeType"] = "application/json"
    if kind == "json_object":
        return
    nested = value.get("json_schema")
    schema = nested.get("schema") if isinstance(nested, Mapping) else None
    if not isinstance(schema, Mapping):
        raise draft.route.bad_request(name, "response_format: json_schema must have a schema")
    draft.ledger.bridged(name, "the schema is sent without its name; Gemini always keeps to it")
    if draft.traits.json_schema:
        draft.config["responseJsonSchema"] = schema
    else:
        draft.config["responseSchema"] = openapi_schema(schema, draft.ledger, name)


def _tools(draft: _Draft, name: str, value: Any) -> None:
    draft.tools.add(draft.body, name)


def _search(draft: _Draft, name: str, value: Any) -> None:
    draft.tools.search(value)


def _choice(draft: _Draft, name: str, value: Any) -> None:
    if name == "function_call" and draft.body.get("tool_choice") is not None:
        draft.ledger.lost(name, "tool_choice is set too and wins")
    else:
        draft.choice = (value, name)


def _modalities(draft: _Draft, name: str, value: Any) -> None:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise draft.route.bad_request(name, "modalities must be a list of strings")
    modalities = [item.upper() for item in value]
    if draft.traits.speaks_only and modalities != ["AUDIO"]:
        draft.ledger.emulated(name, "this model answers in sound alone")
        modalities = ["AUDIO"]
    if modalities:
        draft.config["responseModalities"] = modalities


def _audio(draft: _Draft, name: str, value: Any) -> None:
    voice = value.get("voice") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(voice, (str, type(None))):
        raise draft.route.bad_request(name, "audio must be an object with the name of a voice")
    if value.get("format") not in (None, "pcm16"):
        draft.ledger.lost(name, f"the format is not sent: the answer is in {SAMPLED}")
    if voice:
        draft.ledger.bridged(name, "the voice is sent in speechConfig")
        draft.config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}


def _service_tier(draft: _Draft, name: str, value: Any) -> None:
    if value == "auto":
        draft.ledger.dropped(name, "auto is what the API does without it")
    else:
        draft.sent["serviceTier"] = draft.dialect.service_tiers.get(value, value) if isinstance(value, str) else value


def _stream_options(draft: _Draft, name: str, value: Any) -> None:
    draft.ledger.dropped(name, "not sent: every event has the usage, and llmgate adds the chunk")


def _metadata(draft: _Draft, name: str, value: Any) -> None:
    if not draft.route.preview_features:
        draft.ledger.dropped(name, "only observers receive it; set enable_preview_features = True to send it")
    elif draft.dialect.takes_labels:
        draft.ledger.bridged(name, "sent as labels")
        draft.sent["labels"] = value
    elif draft.ledger.forwards(name, f"{draft.dialect.name} has no labels"):
        draft.sent[name] = value


_SKIPPED = frozenset({"messages", "stream"})
_CONVERT: Mapping[str, Callable[[_Draft, str, Any], None]] = MappingProxyType(
    {
        **dict.fromkeys(SAME_IN_CONFIG, _same),
        "max_tokens": _max_tokens,
        "max_completion_tokens": _max_tokens,
        "stop": _stop,
        "reasoning_effort": _effort,
        "thinking": _thinking,
        "response_format": _response_format,
        "tools": _tools,
        "functions": _tools,
        "web_search_options": _search,
        "tool_choice": _choice,
        "function_call": _choice,
        "modalities": _modalities,
        "audio": _audio,
        "service_tier": _service_tier,
        "stream_options": _stream_options,
        "metadata": _metadata,
    }
)
