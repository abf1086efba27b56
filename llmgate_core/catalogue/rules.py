"""Judge a parameter by the model's row in the catalogue.

Pure, and based on the row alone: a fact that is assumed or unverified refuses nothing, and a
parameter without a fact is not judged (None). Rules of a single endpoint, such as chat's lack
of built-in tools, belong in its plugin.

Source: docs/decisions/judging-parameters.md; the fields of `data/openai.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.catalogue.sources import LITELLM_PAGE, OPENAI_REFERENCE, source_name, source_names
from llmgate_core.catalogue.values import shown
from llmgate_core.contract.provider import ParamRule

if TYPE_CHECKING:
    from llmgate_core.contract.call import ModelFacts, Route

__all__ = [
    "effort_of",
    "ignores",
    "is_verified",
    "judge",
    "judge_metadata",
    "judge_parallel_calls",
    "judge_reasoning",
    "judge_summary",
    "judge_text",
    "source_of",
]

ASSUMED = "assumed"
UNCOMMON_EFFORT = "xhigh"  # taken only by models that list it
SEARCH_SIZES = ("low", "medium", "high")
CAPABILITY_OF_TOOL: Mapping[str, str] = MappingProxyType(
    {
        "function": "function_calling",
        "web_search": "web_search",
        "file_search": "file_search",
        "image_generation": "image_generation_tool",
        "code_interpreter": "code_interpreter",
        "computer": "computer_use",
        "mcp": "mcp",
    }
)
"""Start of a tool's type, before `_preview` or a date -> the capability that it needs."""


def judge(facts: ModelFacts, param: str, value: Any, *, judged: Container[str]) -> ParamRule | None:
    """Return a refusal if the row says that the model does not take `param` or `value`.

    `judged` has the parameters that the endpoint documents; an allow list judges no others. A refusal of
    a part of the value has `replace`: the rest of it, which is sent if the policy is `drop`. Null means the
    default and is never judged.
    """
    if value is None:
        return None
    rule = _judge_by_lists(facts, param, value, judged)
    judge_param = _JUDGES.get(param)
    return rule if rule is not None or judge_param is None else judge_param(facts, value)


def is_verified(facts: ModelFacts, path: str) -> bool:
    """Return whether the fact at a dotted `path` has a source, and is not an assumption."""
    unverified = facts.get("unverified") or ()
    keys = path.split(".")
    return not any(".".join(keys[:count]) in unverified for count in range(1, len(keys) + 1))


def ignores(facts: ModelFacts | None, param: str) -> bool:
    """Return whether the provider documents that the model ignores `param`."""
    params = (facts or {}).get("params") or {}
    return param in params.get("ignored", ()) and is_verified(facts or {}, "params.ignored")


def effort_of(value: Any) -> Any:
    """Return the effort of a `reasoning_effort` given as a string or as an object."""
    return value.get("effort") if isinstance(value, Mapping) else value


def source_of(facts: ModelFacts) -> str:
    """Return the name of the row's sources for a ledger entry."""
    return f"catalogue: {source_names(facts.get('sources')) or 'no source named'}"


def judge_metadata(route: Route, value: Any) -> ParamRule | None:
    """Judge a chat call's `metadata`: the caller's own labels, sent only with `enable_preview_features`.

    Raises:
        BadRequestError: it is not an object, or it is to be sent and a value is not a string.
    """
    if value is not None and not isinstance(value, Mapping):
        raise route.bad_request("metadata", f"metadata must be an object of strings, not {type(value).__name__}")
    if not route.preview_features:
        reason = "observers see it; enable_preview_features = True sends it"
        return ParamRule(keep_local=True, reason=reason, source=LITELLM_PAGE)
    for key, item in (value or {}).items():
        if not (isinstance(key, str) and isinstance(item, str)):
            message = f"metadata maps strings to strings, but [{key!r:.80}] is {type(item).__name__}"
            raise route.bad_request("metadata", message)
    return None


def judge_parallel_calls(value: Any, reason: str, source: str) -> ParamRule:
    """Judge `parallel_tool_calls` for an upstream that cannot be kept from several calls in one answer.

    Beside a single tool, where clients send False by habit, it is left out and the ledger says that it is lost; beside
    several it is refused.

    Args:
        value: the parameter's value; core leaves True out, which asks for nothing.
        reason: why the upstream does not take it.
        source: the document that says so.
    """
    refused = ParamRule(supported=False, reason=reason, source=source)
    if value is not False:
        return refused
    left_out = ParamRule(replaces=True, lossy=True, reason=f"{reason}; with one tool it is left out", source=source)
    return replace(refused, applies=_has_several_tools, otherwise=left_out)


def _has_several_tools(body: Mapping[str, Any]) -> bool:
    tools = body.get("tools")
    return isinstance(tools, (list, tuple)) and len(tools) > 1


def judge_reasoning(facts: ModelFacts, value: Mapping[str, Any], *, judged: Container[str]) -> ParamRule | None:
    """Judge effort and summary of the object `reasoning` of POST /responses as chat's `reasoning_effort`."""
    parts = {name: value[name] for name in ("effort", "summary") if value.get(name) is not None}
    rule = judge(facts, "reasoning_effort", parts, judged=judged) if parts else None
    if rule is None:
        return None
    rest = {name: item for name, item in value.items() if name not in parts} | (rule.replace or {})
    return replace(rule, replace=rest or None, replaces=bool(rest))


def judge_text(facts: ModelFacts, value: Mapping[str, Any], *, judged: Container[str]) -> ParamRule | None:
    """Judge the verbosity in the object `text` of POST /responses."""
    rule = judge(facts, "verbosity", value.get("verbosity"), judged=judged)
    if rule is None:
        return None
    rest = {name: item for name, item in value.items() if name != "verbosity"}
    return replace(rule, replace=rest or None, replaces=bool(rest))


def judge_summary(facts: ModelFacts, summary: Any) -> ParamRule | None:
    """Return a refusal if the model is known not to give this reasoning summary."""
    reasoning = facts.get("reasoning") or {}
    source = reasoning.get("summaries_source", ASSUMED)
    listed = reasoning.get("summaries")
    if listed is None or source == ASSUMED or not is_verified(facts, "reasoning.summaries") or summary in listed:
        return None
    allowed = ", ".join(listed) or "none"
    return _refuse(f"this model does not give the summary {shown(summary)}; it gives: {allowed}", source_name(source))


def _judge_by_lists(facts: ModelFacts, param: str, value: Any, judged: Container[str]) -> ParamRule | None:
    params = facts.get("params") or {}
    if ignores(facts, param):
        reason = f"this model is documented to ignore {param}, so it is sent without it"
        return ParamRule(replaces=True, reason=reason, source=source_of(facts))
    if param in params.get("unsupported", ()) and is_verified(facts, "params.unsupported"):
        return _refuse(f"this model does not take {param}", source_of(facts))
    allowlist = params.get("allowlist")
    if allowlist is not None and param in judged and param not in allowlist and is_verified(facts, "params.allowlist"):
        return _refuse(f"this model takes only {', '.join(allowlist)}", source_of(facts))
    listed = (params.get("values") or {}).get(param)
    if listed is not None and value not in listed and is_verified(facts, f"params.values.{param}"):
        return _refuse(f"must be {', '.join(listed)}, not {shown(value)}", source_of(facts))
    if param in params.get("effort_none_only", ()) and is_verified(facts, "params.effort_none_only"):
        return _unless_effort_none(facts, param)
    return None


def _judge_effort(facts: ModelFacts, value: Any) -> ParamRule | None:
    if (malformed := _judge_effort_form(value)) is not None:
        return malformed
    effort = effort_of(value)
    if effort is not None and (rule := _judge_effort_value(facts, effort)) is not None:
        return rule
    summary = value.get("summary") if isinstance(value, Mapping) else None
    rule = None if summary is None else judge_summary(facts, summary)
    if rule is None:
        return None
    remains = {key: item for key, item in value.items() if key != "summary"}
    return _refuse(rule.reason, rule.source, remains=remains or None)


def _judge_effort_form(value: Any) -> ParamRule | None:
    parts = value.values() if isinstance(value, Mapping) else (value,)
    given = [part for part in parts if part is not None]
    if given and all(isinstance(part, str) for part in given):
        return None
    form = "a string or {'effort': string, 'summary': string}"
    return _refuse(f"must be {form}, not {shown(value)}", LITELLM_PAGE)


def _judge_effort_value(facts: ModelFacts, effort: str) -> ParamRule | None:
    reasoning = facts.get("reasoning") or {}
    lists = ("efforts", "efforts_only_in_litellm", "efforts_contested")
    allowed = list(dict.fromkeys(effort for name in lists for effort in reasoning.get(name) or ()))
    if effort in allowed:
        return None
    source = reasoning.get("efforts_source", ASSUMED)
    if source != ASSUMED and is_verified(facts, "reasoning.efforts"):
        return _refuse(
            f"this model does not take the effort {shown(effort)}; it takes: {', '.join(allowed)}", source_name(source)
        )
    if effort == UNCOMMON_EFFORT:
        return _refuse(f"effort {effort!r} works only on models that list it; this model does not", LITELLM_PAGE)
    return None


def _judge_verbosity(facts: ModelFacts, value: Any) -> ParamRule | None:
    verbosity = facts.get("verbosity") or {}
    source = verbosity.get("source", ASSUMED)
    if source == ASSUMED or not is_verified(facts, "verbosity.supported"):
        return None
    if verbosity.get("supported") is False:
        return _refuse("this model does not take verbosity", source_name(source))
    values = verbosity.get("values")
    if values and value not in values:
        return _refuse(f"must be {', '.join(values)}, not {shown(value)}", source_name(source))
    return None


def _judge_sampling(param: str) -> Callable[[ModelFacts, Any], ParamRule | None]:
    def judge_sampling(facts: ModelFacts, value: Any) -> ParamRule | None:
        kind = (facts.get("params") or {}).get(param, "free")
        if kind == "free" or not is_verified(facts, f"params.{param}"):
            return None
        if kind == "unsupported":
            return _refuse(f"this model does not take {param}", source_of(facts))
        if value == 1:  # the default, which every model with this parameter takes
            return None
        if kind == "only_1":
            return _refuse(f"this model takes only {param}=1, not {shown(value)}", source_of(facts))
        return _unless_effort_none(facts, param)

    return judge_sampling


def _unless_effort_none(facts: ModelFacts, param: str) -> ParamRule:
    default = (facts.get("reasoning") or {}).get("default_effort")

    def is_reasoning(body: Mapping[str, Any]) -> bool:
        effort = effort_of(body.get("reasoning_effort")) or effort_of(body.get("reasoning")) or default
        return bool(effort != "none")  # a default that is not known may be any other

    return ParamRule(
        supported=False,
        reason=f"this model takes {param} only with reasoning_effort='none'",
        source=source_of(facts),
        applies=is_reasoning,
    )


def _judge_stream(facts: ModelFacts, value: Any) -> ParamRule | None:
    if value and _lacks(facts, "streaming"):
        reason = "this model does not stream"
        return ParamRule(supported=False, reason=reason, source=source_of(facts), droppable=False, option="fake_stream")
    return None


def _judge_web_search(facts: ModelFacts, value: Any) -> ParamRule | None:
    if _lacks(facts, "web_search"):
        return _refuse("this model does not search the web", source_of(facts))
    if not isinstance(value, Mapping):
        return _refuse(f"must be an object, not {shown(value)}", OPENAI_REFERENCE)
    size = value.get("search_context_size")
    if size is not None and size not in SEARCH_SIZES:
        return _refuse(f"search_context_size must be {', '.join(SEARCH_SIZES)}, not {shown(size)}", OPENAI_REFERENCE)
    location = value.get("user_location")
    if location is not None and not isinstance(location, Mapping):
        return _refuse(f"user_location must be an object, not {shown(location)}", OPENAI_REFERENCE)
    return None


def _judge_tools(facts: ModelFacts, value: Any) -> ParamRule | None:
    if not isinstance(value, (list, tuple)):
        return None
    refused = {kind: _lacks(facts, _capability_for(kind)) for kind in map(_tool_type, value)}
    if not any(refused.values()):
        return None
    names = ", ".join(kind for kind, is_refused in refused.items() if is_refused)
    remains = [tool for tool in value if not refused[_tool_type(tool)]]
    return _refuse(f"this model does not take tools of type {names}", source_of(facts), remains=remains or None)


def _judge_functions(facts: ModelFacts, value: Any) -> ParamRule | None:
    if value and _lacks(facts, "function_calling"):
        return _refuse("this model does not call functions", source_of(facts))
    return None


def _tool_type(tool: Any) -> str:
    return str(tool.get("type")) if isinstance(tool, Mapping) else ""


def _capability_for(tool_type: str) -> str | None:
    for start, capability in CAPABILITY_OF_TOOL.items():
        if tool_type == start or tool_type.startswith(f"{start}_"):
            return capability
    return None


def _lacks(facts: ModelFacts, capability: str | None) -> bool:
    if capability is None or (facts.get("capabilities") or {}).get(capability) is not False:
        return False
    return is_verified(facts, f"capabilities.{capability}")


def _refuse(reason: str, source: str, *, remains: Any = None) -> ParamRule:
    return ParamRule(supported=False, reason=reason, source=source, replace=remains, replaces=remains is not None)


_JUDGES: Mapping[str, Callable[[ModelFacts, Any], ParamRule | None]] = MappingProxyType(
    {
        "reasoning_effort": _judge_effort,
        "verbosity": _judge_verbosity,
        "temperature": _judge_sampling("temperature"),
        "top_p": _judge_sampling("top_p"),
        "stream": _judge_stream,
        "web_search_options": _judge_web_search,
        "tools": _judge_tools,
        "functions": _judge_functions,
    }
)
