"""Chat requests as hypothesis draws them: messages, parts, tools and parameters, valid by the description.

Data and strategies only; all texts are made up.

Source: OpenAI API reference, `CreateChatCompletionRequest`.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["PARAMETERS", "bodies", "messages", "texts", "tools", "words"]

words = st.text('ab \n"\\{}é✓', min_size=1, max_size=8)
texts = words | st.just("")
names = st.sampled_from(["get_weather", "f", "look_up"])
urls = st.sampled_from(["https://example.test/a.png", "data:image/png;base64,AA=="])
breakpoints = st.just({"mode": "explicit"})


def optional(**fields: Any) -> Any:
    """Draw an object with any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


def _object(required: dict[str, Any], **others: Any) -> Any:
    return st.fixed_dictionaries(required, optional=others)


text_parts = _object({"type": st.just("text"), "text": words}, prompt_cache_breakpoint=breakpoints)
plain_text_parts = _object({"type": st.just("text"), "text": words})
images = _object({"url": urls}, detail=st.sampled_from(["auto", "low", "high"]))
files = st.sampled_from([{"file_id": "file-1"}, {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}])
parts = st.one_of(
    text_parts,
    _object({"type": st.just("image_url"), "image_url": images}, prompt_cache_breakpoint=breakpoints),
    _object({"type": st.just("file"), "file": files}, prompt_cache_breakpoint=breakpoints),
)
lists_of_text = st.lists(plain_text_parts, min_size=1, max_size=3)

function_calls = st.builds(
    lambda name, arguments: {"type": "function", "function": {"name": name, "arguments": arguments}}, names, texts
)
custom_calls = st.builds(lambda name, text: {"type": "custom", "custom": {"name": name, "input": text}}, names, texts)
reasoning_items = st.lists(
    _object(
        {"type": st.just("reasoning"), "id": st.just("rs_1")},
        summary=st.lists(st.builds(lambda text: {"type": "summary_text", "text": text}, words), max_size=2),
        content=st.lists(st.builds(lambda text: {"type": "reasoning_text", "text": text}, words), max_size=2),
        encrypted_content=st.just("opaque"),
    ),
    min_size=1,
    max_size=2,
)

user_messages = st.fixed_dictionaries(
    {"role": st.just("user"), "content": st.one_of(texts, st.lists(parts, min_size=1, max_size=3))},
    optional={"name": st.just("Ann")},
)
ruling_messages = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "developer"]), "content": st.one_of(texts, lists_of_text)},
    optional={"name": st.just("rules")},
)
refusals = st.builds(lambda text: {"type": "refusal", "refusal": text}, words)
assistant_contents = st.one_of(words, lists_of_text, st.lists(text_parts | refusals, min_size=1, max_size=3))
said_messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": assistant_contents},
    optional={"reasoning_items": reasoning_items, "reasoning_content": words, "name": st.just("Bot")},
)
refusing_messages = st.builds(lambda text: {"role": "assistant", "content": None, "refusal": text}, words)
answers = st.one_of(texts, lists_of_text)
seen_answers = st.lists(parts, min_size=1, max_size=2)  # a picture in a tool's answer: /responses takes it, chat not


@st.composite
def _calling_turn(draw: st.DrawFn, number: int, *, pictures: bool) -> list[dict[str, Any]]:
    """Draw an assistant message with calls and the answer to each, in the order of the calls or any other."""
    calls = draw(st.lists(st.one_of(function_calls, custom_calls), min_size=1, max_size=3))
    calls = [{"id": f"call_{number}_{index}", **call} for index, call in enumerate(calls)]
    message = {"role": "assistant", "content": draw(st.none() | words), "tool_calls": calls}
    if draw(st.booleans()):
        message["reasoning_items"] = draw(reasoning_items)
    answered = draw(st.permutations(calls))
    answer = answers | seen_answers if pictures else answers
    return [
        message,
        *({"role": "tool", "tool_call_id": call["id"], "content": draw(answer)} for call in answered),
    ]


@st.composite
def _legacy_turn(draw: st.DrawFn) -> list[dict[str, Any]]:
    name = draw(names)
    called = {"role": "assistant", "content": None, "function_call": {"name": name, "arguments": draw(texts)}}
    return [called, {"role": "function", "name": name, "content": draw(texts)}]


@st.composite
def messages(draw: st.DrawFn, *, pictures: bool = True) -> list[dict[str, Any]]:
    """Draw a conversation in which every call is answered; `pictures`: also with more than text."""
    made = draw(st.lists(ruling_messages, max_size=2))
    for number in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(["user", "user", "ruling", "said", "refusing", "calling", "calling", "legacy"]))
        if kind == "calling":
            made += draw(_calling_turn(number, pictures=pictures))
        elif kind == "legacy":
            made += draw(_legacy_turn())
        else:
            turns = {"user": user_messages, "ruling": ruling_messages, "said": said_messages}
            made.append(draw(turns.get(kind, refusing_messages)))
    return made or [draw(user_messages)]


parameters_of_tools = st.sampled_from(
    [{"type": "object", "properties": {}}, {"type": "object", "properties": {"a": {"type": "string"}}}]
)
functions = _object({"name": names}, description=words, parameters=parameters_of_tools, strict=st.booleans())
legacy_functions = _object({"name": names}, description=words, parameters=parameters_of_tools)
grammars = st.just({"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a+/"}})
customs = _object({"name": st.just("c")}, description=words, format=grammars | st.just({"type": "text"}))
tools = st.lists(
    st.one_of(
        functions.map(lambda function: {"type": "function", "function": function}),
        customs.map(lambda custom: {"type": "custom", "custom": custom}),
    ),
    min_size=1,
    max_size=3,
)
tool_choices = st.sampled_from(
    [
        "none",
        "auto",
        "required",
        {"type": "function", "function": {"name": "f"}},
        {"type": "custom", "custom": {"name": "c"}},
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
    ]
)
schemas = _object({"name": st.just("s"), "schema": parameters_of_tools}, description=words, strict=st.booleans())
locations = st.just({"type": "approximate", "approximate": {"country": "NL", "city": "Delft"}})

PARAMETERS: dict[str, Any] = {
    "frequency_penalty": st.sampled_from([0, 0.5]),
    "function_call": st.sampled_from(["none", "auto", {"name": "f"}]),
    "functions": st.lists(legacy_functions, min_size=1, max_size=2),
    "logit_bias": st.sampled_from([{}, {"1": 5}]),
    "logprobs": st.booleans(),
    "max_completion_tokens": st.integers(16, 99),
    "max_tokens": st.integers(16, 99),
    "metadata": st.just({"team": "search"}),
    "modalities": st.just(["text"]),
    "n": st.sampled_from([1, 2]),
    "parallel_tool_calls": st.booleans(),
    "presence_penalty": st.sampled_from([0, 0.5]),
    "prompt_cache_key": words,
    "prompt_cache_retention": st.sampled_from(["in_memory", "24h"]),
    "prompt_cache_options": st.just({"mode": "explicit"}),
    "reasoning_effort": st.sampled_from(["none", "low", "high"]),
    "response_format": st.one_of(
        st.just({"type": "text"}),
        st.just({"type": "json_object"}),
        schemas.map(lambda schema: {"type": "json_schema", "json_schema": schema}),
    ),
    "safety_identifier": st.just("u-1"),
    "seed": st.integers(0, 9),
    "service_tier": st.sampled_from(["auto", "flex"]),
    "stop": st.sampled_from(["END", ["a", "b"]]),
    "store": st.booleans(),
    "stream": st.booleans(),
    "stream_options": optional(include_usage=st.booleans(), include_obfuscation=st.booleans()),
    "temperature": st.sampled_from([0, 0.7]),
    "tool_choice": tool_choices,
    "tools": tools,
    "top_logprobs": st.integers(0, 3),
    "top_p": st.sampled_from([0.5, 1]),
    "user": words,
    "verbosity": st.sampled_from(["low", "high"]),
    "web_search_options": optional(search_context_size=st.sampled_from(["low", "high"]), user_location=locations),
}
"""Parameter of a chat call -> its values."""


@st.composite
def bodies(draw: st.DrawFn, *, pictures: bool = True) -> dict[str, Any]:
    """Draw a chat body without model: a conversation and some of the parameters, in any order."""
    chosen = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), unique=True, max_size=8))
    return {"messages": draw(messages(pictures=pictures)), **{name: draw(PARAMETERS[name]) for name in chosen}}
