"""The request parameters of the OpenAI API, and what values each takes. Data.

Plugins, the bridge and the typed signatures select from these tables. What a rule leaves out is not judged: enums
that grow (`service_tier`, voices, image sizes), and what only one model takes, which the catalogue knows.

Source: OpenAI API reference, OpenAPI description 2.3.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from llmgate_core.catalogue.values import ValueRule

__all__ = ["OPENAI_INPUTS", "OPENAI_PARAMETERS"]

_BOOLEAN = ValueRule(("boolean",))
_INTEGER = ValueRule(("integer",))
_OBJECT = ValueRule(("object",))
_STRING = ValueRule(("string",))
_STRING_OR_OBJECT = ValueRule(("string", "object"))
_PENALTY = ValueRule(("number",), -2, 2, neutral=(0,))
_TEMPERATURE = ValueRule(("number",), 0, 2)
_AUDIO_TEMPERATURE = ValueRule(("number",), 0, 1)
_TOP_P = ValueRule(("number",), 0, 1, neutral=(1,))
_LOGIT_BIAS = ValueRule(("object",), items=ValueRule(("number",), -100, 100), neutral=({},))
_TOP_LOGPROBS = ValueRule(("integer",), 0, 20, neutral=(0,))
_IDENTIFIER = ValueRule(("string",), max_length=64)
_COUNT = ValueRule(("integer",), 1, 128, neutral=(1,), limit="amount")
_CEILING = ValueRule(("integer",), limit="ceiling")
_OFF = ValueRule(("boolean",), neutral=(False,))
_ON = ValueRule(("boolean",), neutral=(True,))
_STOP = ValueRule(("string", "list"), 1, 4, items=_STRING, neutral=([],))
_PROMPT = ValueRule(("string",), max_length=32_000)


def _one_of(*choices: str) -> ValueRule:
    return ValueRule(("string",), choices=choices)


def _list_of(item: ValueRule, low: int | None = None, high: int | None = None) -> ValueRule:
    return ValueRule(("list",), low, high, items=item, neutral=([],))


def _table(**rules: ValueRule) -> Mapping[str, ValueRule]:
    return MappingProxyType(rules)


_ORDER = _one_of("asc", "desc")
_PAGE = _table(after=_STRING, limit=_INTEGER, order=_ORDER)

_CHAT = _table(
    audio=ValueRule(("object",), neutral=({},)),
    frequency_penalty=_PENALTY,
    function_call=ValueRule(("string", "object"), choices=("none", "auto")),
    functions=_list_of(_OBJECT, 1, 128),
    logit_bias=_LOGIT_BIAS,
    logprobs=_OFF,
    max_completion_tokens=_CEILING,
    max_tokens=_CEILING,
    metadata=_OBJECT,
    modalities=ValueRule(("list",), items=_one_of("text", "audio"), neutral=([], ["text"])),
    moderation=_OBJECT,
    n=_COUNT,
    parallel_tool_calls=_ON,
    prediction=ValueRule(("object",), kinds=("content",), neutral=({},)),
    presence_penalty=_PENALTY,
    prompt_cache_key=_STRING,
    prompt_cache_options=_OBJECT,
    prompt_cache_retention=_STRING,
    reasoning_effort=_STRING_OR_OBJECT,
    response_format=ValueRule(("object",), kinds=("text", "json_object", "json_schema"), neutral=({"type": "text"},)),
    safety_identifier=_IDENTIFIER,
    seed=_INTEGER,
    service_tier=_STRING,
    stop=_STOP,
    store=_BOOLEAN,
    stream=_BOOLEAN,
    stream_options=_OBJECT,
    temperature=_TEMPERATURE,
    tool_choice=ValueRule(
        ("string", "object"), choices=("none", "auto", "required"), kinds=("function", "custom", "allowed_tools")
    ),
    tools=_list_of(_OBJECT),
    top_logprobs=_TOP_LOGPROBS,
    top_p=_TOP_P,
    user=_STRING,
    verbosity=_STRING,
    web_search_options=_OBJECT,
)

_RESPONSES = _table(
    background=_BOOLEAN,
    context_management=_list_of(_OBJECT, 1),
    conversation=_STRING_OR_OBJECT,
    include=_list_of(_STRING),
    instructions=_STRING,
    max_output_tokens=_CEILING,
    max_tool_calls=_CEILING,
    metadata=_OBJECT,
    moderation=_OBJECT,
    parallel_tool_calls=_ON,
    previous_response_id=_STRING,
    prompt=_OBJECT,
    prompt_cache_key=_STRING,
    prompt_cache_options=_OBJECT,
    prompt_cache_retention=_STRING,
    reasoning=_OBJECT,
    safety_identifier=_IDENTIFIER,
    service_tier=_STRING,
    store=_BOOLEAN,
    stream=_BOOLEAN,
    stream_options=_OBJECT,
    temperature=_TEMPERATURE,
    text=_OBJECT,
    tool_choice=_STRING_OR_OBJECT,
    tools=_list_of(_OBJECT),
    top_logprobs=_TOP_LOGPROBS,
    top_p=_TOP_P,
    truncation=_one_of("auto", "disabled"),
    user=_STRING,
)

_RESPONSES_COMPACT = (
    "instructions",
    "previous_response_id",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
)
_RESPONSES_INPUT_TOKENS = (
    "conversation",
    "instructions",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
    "truncation",
)

_TEXT_COMPLETION = _table(
    best_of=ValueRule(("integer",), 0, 20, neutral=(1,), limit="amount"),
    echo=_OFF,
    frequency_penalty=_PENALTY,
    logit_bias=_LOGIT_BIAS,
    logprobs=ValueRule(("integer",), 0, 5),
    max_tokens=ValueRule(("integer",), 0, limit="ceiling"),
    n=_COUNT,
    presence_penalty=_PENALTY,
    seed=_INTEGER,
    stop=_STOP,
    stream=_BOOLEAN,
    stream_options=_OBJECT,
    suffix=_STRING,
    temperature=_TEMPERATURE,
    top_p=_TOP_P,
    user=_STRING,
)

_TRANSCRIPT_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_TRANSCRIPTION = _table(
    chunking_strategy=ValueRule(("string", "object"), choices=("auto",), kinds=("server_vad",)),
    include=_list_of(_one_of("logprobs")),
    keywords=_list_of(_STRING),
    known_speaker_names=_list_of(_STRING, high=4),
    known_speaker_references=_list_of(_STRING, high=4),
    language=_STRING,
    languages=_list_of(_STRING, 1),
    response_format=_one_of(*_TRANSCRIPT_FORMATS, "diarized_json"),
    stream=_BOOLEAN,
    temperature=_AUDIO_TEMPERATURE,
    timestamp_granularities=_list_of(_one_of("word", "segment")),
)
_SPEECH = _table(
    instructions=ValueRule(("string",), max_length=4096),
    response_format=_one_of("mp3", "opus", "aac", "flac", "wav", "pcm"),
    speed=ValueRule(("number",), 0.25, 4),
    stream_format=_one_of("sse", "audio"),
)

_IMAGE_VARIATION = _table(
    n=ValueRule(("integer",), 1, 10, neutral=(1,), limit="amount"),
    response_format=_one_of("url", "b64_json"),
    size=_STRING,
    user=_STRING,
)
_IMAGE_BOTH = _table(
    **_IMAGE_VARIATION,
    background=_one_of("transparent", "opaque", "auto"),
    moderation=_one_of("low", "auto"),
    output_compression=ValueRule(("integer",), 0, 100),
    output_format=_one_of("png", "jpeg", "webp"),
    partial_images=ValueRule(("integer",), 0, 3, neutral=(0,), limit="amount"),
    quality=_one_of("standard", "hd", "low", "medium", "high", "auto"),
    stream=_BOOLEAN,
)

_MESSAGES = _table(
    cache_control=_OBJECT,
    container=_STRING_OR_OBJECT,
    context_management=_OBJECT,
    inference_geo=_STRING,
    max_tokens=_CEILING,
    mcp_servers=_list_of(_OBJECT),
    metadata=_OBJECT,
    output_config=_OBJECT,
    service_tier=_one_of("auto", "standard_only"),
    speed=_one_of("standard", "fast"),
    stop_sequences=_list_of(_STRING),
    stream=_BOOLEAN,
    system=ValueRule(("string", "list")),
    temperature=ValueRule(("number",), 0, 1),
    thinking=_OBJECT,
    tool_choice=_OBJECT,
    tools=_list_of(_OBJECT),
    top_k=_INTEGER,
    top_p=_TOP_P,
)
_MESSAGES_COUNT_TOKENS = ("cache_control", "output_config", "system", "thinking", "tool_choice", "tools")

_CHAT_COUNT_TOKENS = ("parallel_tool_calls", "reasoning_effort", "response_format", "tool_choice", "tools")

OPENAI_PARAMETERS: Mapping[str, Mapping[str, ValueRule]] = MappingProxyType(
    {
        "chat": _CHAT,
        "chat.update": _table(metadata=_OBJECT),
        "chat.list": _table(**_PAGE, metadata=_OBJECT),
        "chat.messages": _PAGE,
        "chat.count_tokens": _table(**{name: _CHAT[name] for name in _CHAT_COUNT_TOKENS}),
        "responses": _RESPONSES,
        "responses.retrieve": _table(
            include=_list_of(_STRING), include_obfuscation=_BOOLEAN, starting_after=_INTEGER, stream=_BOOLEAN
        ),
        "responses.input_items": _table(**_PAGE, include=_list_of(_STRING)),
        "responses.input_tokens": _table(
            **{name: _RESPONSES[name] for name in _RESPONSES_INPUT_TOKENS}, personality=_STRING
        ),
        "responses.compact": _table(**{name: _RESPONSES[name] for name in _RESPONSES_COMPACT}),
        "text_completion": _TEXT_COMPLETION,
        "embedding": _table(
            dimensions=ValueRule(("integer",), 1, limit="amount"),
            encoding_format=_one_of("float", "base64"),
            user=_STRING,
        ),
        "transcription": _TRANSCRIPTION,
        "translation": _table(response_format=_one_of(*_TRANSCRIPT_FORMATS), temperature=_AUDIO_TEMPERATURE),
        "speech": _SPEECH,
        "image": _table(**_IMAGE_BOTH, style=_one_of("vivid", "natural")),
        "image.edit": _table(**_IMAGE_BOTH, input_fidelity=_one_of("high", "low")),
        "image.variation": _IMAGE_VARIATION,
        "video": _table(
            seconds=ValueRule(("string",), choices=("4", "8", "12"), limit="amount"),
            size=_one_of("720x1280", "1280x720", "1024x1792", "1792x1024"),
        ),
        "video.list": _table(after=_STRING, limit=ValueRule(("integer",), 0, 100), order=_ORDER),
        "video.content": _table(variant=_one_of("video", "thumbnail", "spritesheet")),
        "moderation": _table(),
        "messages": _MESSAGES,
        "messages.count_tokens": _table(**{name: _MESSAGES[name] for name in _MESSAGES_COUNT_TOKENS}),
        "rerank": _table(
            max_chunks_per_doc=_INTEGER,
            max_tokens_per_doc=_INTEGER,
            rank_fields=_list_of(_STRING),
            return_documents=_BOOLEAN,
            top_n=ValueRule(("integer",), 1),
        ),
    }
)
"""What is called -> parameter -> the values that it takes.

The key is a family (its operation `create`), or `family.operation` where that has parameters. An operation that is
missing here takes none besides those in its path.
"""

OPENAI_INPUTS: Mapping[str, Mapping[str, ValueRule]] = MappingProxyType(
    {
        "transcription": _table(prompt=_STRING),
        "translation": _table(prompt=_STRING),
        "speech": _table(input=ValueRule(("string",), max_length=4096), voice=_STRING_OR_OBJECT),
        "image": _table(prompt=_PROMPT),
        "video": _table(prompt=_PROMPT),
    }
)
"""Family -> input -> the values that it takes: what a call is about, which is never left out of it.

An input without a rule (`messages`, files) is checked by core or not at all.
"""
