"""Google's own SDK sends what we send: each request is read with its types, sent by its client, and compared.

And its client reads what our fake upstream sends, so the answers of the other tests are Google's.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from google import genai
from google.genai import types

from llmgate_core import Client
from llmgate_core.testing import Answer, FakeUpstream
from tests.support.gemini_upstream import SAID, check_request, said

NEW, BUDGETS, OLD = "gemini-3.5-flash", "gemini-2.5-flash", "gemini-2.0-flash"
PNG = "data:image/png;base64,iVBORw0KGgo="
HI = {"role": "user", "content": "hi"}
SYSTEM = {"role": "system", "content": "Be kind."}
PLACE = {"type": "object", "properties": {"at": {"$ref": "#/$defs/P"}}, "$defs": {"P": {"type": "string"}}}
LOOK = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": PLACE}}
TOUCH = {"type": "function", "function": {"name": "touch"}}
SIGNED = {"google": {"thought_signature": "c2lnLTI+Pz8/"}}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at":"é"}'},
    "extra_content": SIGNED,
}
OTHER = {"id": "c2", "type": "function", "function": {"name": "touch", "arguments": "{}"}}
ASSISTANT = {"role": "assistant", "content": "Let me look.", "tool_calls": [CALL, OTHER]}
RESULTS = [{"role": "tool", "tool_call_id": call, "content": "seen"} for call in ("c1", "c2")]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "s", "schema": PLACE}}
SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
CODE = {"type": "google_part", "at": [3, 0], "part": {"executableCode": {"code": "1", "language": "PYTHON"}}}
ENDING = {"type": "google_text", "at": [4, 0], "length": 0, "thought_signature": "c2ln"}


def parts(*given: Any) -> list[Any]:
    return [{"role": "user", "content": list(given)}]


def url(address: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": address, **fields}}


def data(kind: str, name: str) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": f"data:{kind};base64,AAAA"}}


CALLS: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "text": (NEW, [HI], {}),
    "system": (NEW, [SYSTEM, HI], {}),
    "system alone": (NEW, [SYSTEM], {}),
    "history": (NEW, [HI, {"role": "assistant", "content": "Hello"}, HI], {}),
    "picture": (NEW, parts(url(PNG), {"type": "text", "text": "What?"}), {}),
    "resolution": (NEW, parts(url(PNG, detail="high")), {}),
    "file": (NEW, parts(data("application/pdf", "a.pdf")), {}),
    "sound": (NEW, parts({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}), {}),
    "video": (NEW, parts({"type": "video_url", "video_url": {"url": "gs://b/c.mp4"}}), {}),
    "https": (NEW, parts(url("https://a.example/b.png")), {}),
    "uploaded": (NEW, parts({"type": "file", "file": {"file_id": "files/a"}}), {}),
    "functions": (NEW, [HI], {"tools": [LOOK, TOUCH]}),
    "old schemas": (OLD, [HI], {"tools": [LOOK, TOUCH]}),
    "choice": (NEW, [HI], {"tools": [LOOK, TOUCH], "tool_choice": {"type": "function", "function": {"name": "look"}}}),
    "required": (NEW, [HI], {"tools": [LOOK], "tool_choice": "required"}),
    "none": (NEW, [HI], {"tools": [LOOK], "tool_choice": "none"}),
    "strict": (NEW, [HI], {"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}),
    "search": (NEW, [HI], {"web_search_options": {}}),
    "own tools": (NEW, [HI], {"tools": [{"googleSearch": {}}, {"url_context": {}}, {"codeExecution": {}}]}),
    "both kinds of tools": (NEW, [HI], {"tools": [LOOK, {"googleSearch": {}}]}),
    "signed calls": (NEW, [HI, ASSISTANT, *RESULTS], {"tools": [LOOK, TOUCH]}),
    "calls without signatures": (NEW, [HI, {**ASSISTANT, "tool_calls": [OTHER]}, RESULTS[1]], {"tools": [TOUCH]}),
    "a result with a picture": (
        NEW,
        [HI, {**ASSISTANT, "tool_calls": [CALL]}, {**RESULTS[0], "content": [url(PNG)]}],
        {"tools": [LOOK]},
    ),
    "signed parts": (NEW, [HI, {"role": "assistant", "content": "It is.", "reasoning_items": [CODE, ENDING]}, HI], {}),
    "pictures of an answer": (NEW, [HI, {"role": "assistant", "content": "Here.", "images": [url(PNG)]}, HI], {}),
    "sampling": (NEW, [HI], {"temperature": 0.5, "top_p": 0.9, "seed": 7, "n": 2, "stop": ["a", "b"], "max_tokens": 9}),
    "penalties": (NEW, [HI], {"presence_penalty": 0.5, "frequency_penalty": -0.5}),
    "logprobs": (NEW, [HI], {"logprobs": True, "top_logprobs": 2}),
    "JSON": (NEW, [HI], {"response_format": {"type": "json_object"}}),
    "schema": (NEW, [HI], {"response_format": SCHEMA}),
    "level": (NEW, [HI], {"reasoning_effort": "medium"}),
    "budget": (BUDGETS, [HI], {"reasoning_effort": "low"}),
    "no thinking": (BUDGETS, [HI], {"reasoning_effort": "none"}),
    "sound out": (NEW, [HI], {"modalities": ["audio"], "audio": {"voice": "Kore"}}),
    "pictures out": (NEW, [HI], {"modalities": ["text", "image"], "image_config": {"aspectRatio": "1:1"}}),
    "safety": (NEW, [HI], {"safety_settings": SAFETY}),
    "cache": (NEW, [HI], {"cached_content": "cachedContents/1"}),
    "tier": (NEW, [HI], {"service_tier": "priority"}),
    "top_k": (NEW, [HI], {"top_k": 40}),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", CALLS)
def test_googles_client_sends_the_same(client: Client, fake_upstream: FakeUpstream, name: str, stream: bool) -> None:
    model, messages, options = CALLS[name]
    answer = said({"text": "Hello"})
    fake_upstream.otherwise = Answer.sse([answer], done=False) if stream else Answer.json(answer)
    result = client.completion(f"gemini/{model}", messages, stream=stream, **options)
    assert (result.whole() if stream else result).choices[0].message.content == "Hello"
    ours = fake_upstream.received[-1]
    check_request(ours["json"])

    google = genai.Client(
        api_key="k", http_options=types.HttpOptions(base_url=fake_upstream.origin, api_version="v1beta")
    )
    arguments = sdk_arguments(ours["json"])
    if stream:
        assert (
            "".join(chunk.text for chunk in google.models.generate_content_stream(model=model, **arguments)) == "Hello"
        )
    else:
        assert google.models.generate_content(model=model, **arguments).text == "Hello"
    theirs = fake_upstream.received[-1]
    assert theirs["path"] == ours["path"]
    assert settled(theirs["json"]) == settled(ours["json"])


def sdk_arguments(body: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments by which Google's client sends a body."""
    config = {snake(name): value for name, value in body.get("generationConfig", {}).items()}
    if "systemInstruction" in body:
        config["system_instruction"] = types.Content.model_validate(body["systemInstruction"])
    for name in ("tools", "toolConfig", "safetySettings", "cachedContent", "serviceTier"):
        if name in body:
            config[snake(name)] = body[name]
    contents = [types.Content.model_validate(content) for content in body["contents"]]
    return {"contents": contents, "config": types.GenerateContentConfig.model_validate(config)}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel(name: str) -> str:
    head, *others = name.split("_")
    return head + "".join(map(str.title, others))


def settled(value: Any, name: str = "") -> Any:
    """Return a body with what JSON lets both sides write in two ways: names, enums, base64, numbers, nothing."""
    if isinstance(value, dict):
        return {
            camel(key): settled(item, key) for key, item in value.items() if (key, item) != ("generationConfig", {})
        }
    if isinstance(value, list):
        return [settled(item, name) for item in value]
    if name in ("thinkingLevel", "type") and isinstance(value, str):
        return value.upper()
    if name in ("thoughtSignature", "data") and isinstance(value, str):
        return value.translate(str.maketrans("-_", "+/"))
    return float(value) if type(value) is int else value


def test_googles_client_reads_our_signed_answers(fake_upstream: FakeUpstream) -> None:
    google = genai.Client(
        api_key="k", http_options=types.HttpOptions(base_url=fake_upstream.origin, api_version="v1beta")
    )
    for turn in SAID:
        fake_upstream.otherwise = Answer.json(said(*turn))
        read = google.models.generate_content(model=NEW, contents="hi")
        assert [call.name for call in read.function_calls or ()] == [
            part["functionCall"]["name"] for part in turn if "functionCall" in part
        ]
