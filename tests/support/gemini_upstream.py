"""A Gemini API on the loopback: answers as Google writes them, and a server that refuses what Google refuses.

Its requests and answers are checked with the types of Google's own SDK, which forbid unknown fields.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from google.genai import types

from llmgate_core.testing import Answer, ReceivedRequest

__all__ = [
    "DUMMY",
    "SAID",
    "answer_signed",
    "candidate",
    "check_answer",
    "check_request",
    "fault",
    "page_answered",
    "said",
    "shape_of",
]

DUMMY = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
CHECKED: dict[str, Any] = {
    "systemInstruction": types.Content,
    "toolConfig": types.ToolConfig,
    "generationConfig": types.GenerationConfig,
}
LISTS: dict[str, Any] = {"contents": types.Content, "tools": types.Tool, "safetySettings": types.SafetySetting}
OTHERS = {"cachedContent", "labels", "serviceTier"}
USAGE = {"promptTokenCount": 10, "candidatesTokenCount": 4, "thoughtsTokenCount": 6, "totalTokenCount": 20}


def candidate(*parts: dict[str, Any], finish: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    """Return a candidate with these parts."""
    ended = {} if finish is None else {"finishReason": finish}
    return {"content": {"role": "model", "parts": list(parts)}, "index": 0, **ended, **fields}


def said(*parts: dict[str, Any], finish: str | None = "STOP", usage: Any = USAGE, **fields: Any) -> dict[str, Any]:
    """Return a whole answer, or an event of a stream, with one candidate."""
    counted = {} if usage is None else {"usageMetadata": usage}
    made = {"candidates": [candidate(*parts, finish=finish, **fields)], **counted}
    return {**made, "modelVersion": "gemini-3.8-flash", "responseId": "resp-1"}


def fault(status: int, kind: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """Return an error as Google writes it."""
    return {"error": {"code": status, "message": message, "status": kind, "details": list(details)}}


def check_request(body: dict[str, Any]) -> None:
    """Check the body of generateContent with the SDK's types.

    Raises:
        ValueError: a field that there is not, or a value of another type.
    """
    for name, kind in CHECKED.items():
        if name in body:
            kind.model_validate(_config(body[name]) if name == "generationConfig" else body[name])
    for name, kind in LISTS.items():
        for item in body.get(name, ()):
            kind.model_validate(item)
    if "serviceTier" in body and body["serviceTier"] not in {tier.value for tier in types.ServiceTier}:
        raise ValueError(body["serviceTier"])
    if unknown := body.keys() - CHECKED.keys() - LISTS.keys() - OTHERS:
        raise ValueError(f"no such fields: {unknown}")


def check_answer(answer: dict[str, Any]) -> types.GenerateContentResponse:
    """Return an answer as the SDK reads it.

    Raises:
        ValueError: it is not what Google sends.
    """
    return types.GenerateContentResponse.model_validate(answer)


def _config(config: dict[str, Any]) -> dict[str, Any]:
    """Return a `generationConfig` without what the SDK has in another class."""
    if "imageConfig" in config:
        types.ImageConfig.model_validate(config["imageConfig"])
    return {name: value for name, value in config.items() if name != "imageConfig"}


def shape_of(part: dict[str, Any]) -> str:
    """Return the kind of a part."""
    kinds = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
    return next((kind for kind in kinds if kind in part), "?")


# --- a model that signs what it says, and a server that wants all of it back ---


def _call(name: str, signature: str = "", **args: Any) -> dict[str, Any]:
    called: dict[str, Any] = {"functionCall": {"id": f"id-{name}", "name": name, "args": args}}
    return {**called, "thoughtSignature": signature} if signature else called


SAID: tuple[list[dict[str, Any]], ...] = (
    [{"text": "Let me look."}, _call("look", "c2lnLTE=", at=1), _call("listen", at=2)],
    [_call("touch", "c2lnLTI+Pz8/", at="é")],
    [{"text": "It is "}, {"text": "there."}, {"text": "", "thoughtSignature": "c2lnLTM="}],
)
"""What the model says in its first, second and third turn; of parallel calls only the first is signed."""


def answer_signed(request: ReceivedRequest) -> Answer:
    """Answer with the model's next turn; 400 where a turn of the model does not come back as it was said."""
    body = request["json"]
    try:
        check_request(body)
    except ValueError as error:
        return Answer.json(fault(400, "INVALID_ARGUMENT", str(error)), 400)
    turns = [content["parts"] for content in body["contents"] if content["role"] == "model"]
    for parts, wanted in zip(turns, SAID, strict=False):
        if (wrong := _wrong_in(parts, wanted)) is not None:
            return Answer.json(fault(400, "INVALID_ARGUMENT", wrong), 400)
    turn = SAID[len(turns) % len(SAID)]
    if ":streamGenerateContent?alt=sse" in request["path"]:
        events = [said({"text": "Hm. ", "thought": True}, finish=None), *(said(part, finish=None) for part in turn)]
        return Answer.sse([*events, said()], done=False)
    return Answer.json(said({"text": "Hm. ", "thought": True}, *turn))


def _wrong_in(parts: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> str | None:
    """Return what is wrong with a turn that has come back, in Google's words."""
    for part in parts:
        signature = part.get("thoughtSignature")
        if signature and signature != DUMMY and signature not in {known.get("thoughtSignature") for known in _all()}:
            b64decode(signature, validate=True)
            return "Corrupted thought signature."
    calls = [part for part in parts if "functionCall" in part]
    if calls and not calls[0].get("thoughtSignature"):
        return "Function call is missing a thought_signature in functionCall parts."
    if any(part.get("thoughtSignature") == DUMMY for part in parts):
        return None
    return None if _joined(parts) == _joined(wanted) else f"not what was said: {parts}"


def _all() -> list[dict[str, Any]]:
    return [part for turn in SAID for part in turn]


def _joined(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return parts with unsigned text in a row joined, since chat keeps one string."""
    made: list[dict[str, Any]] = []
    for part in parts:
        if made and part.keys() == {"text"} and made[-1].keys() == {"text"}:
            made[-1] = {"text": made[-1]["text"] + part["text"]}
        else:
            made.append(part)
    return made


# --- the answers of the page for users ---

PIXEL = "iVBORw0KGgo="
CITED = "Zoë won."
GROUNDED = {
    "webSearchQueries": ["who won"],
    "groundingChunks": [{"web": {"uri": "https://news.example", "title": "News"}}],
    "groundingSupports": [
        {
            "segment": {"startIndex": 12, "endIndex": 12 + len(CITED.encode()), "text": CITED},
            "groundingChunkIndices": [0],
        }
    ],
}
CALLED = {
    "functionCall": {"id": "c1", "name": "get_weather", "args": {"city": "Paris"}},
    "thoughtSignature": "c2lnbmVk",
}


def page_answered(request: ReceivedRequest) -> Answer:
    """Answer a program of `docs/providers/gemini.md`; 400 for a request that is not Google's, 404 for a method."""
    method, body = request["path"].partition("?")[0].rpartition(":")[2], request["json"]
    if method == "batchEmbedContents":
        return Answer.json({"embeddings": [{"values": [0.5, -0.25, 1.0]}] * len(body["requests"])})
    if method == "countTokens":
        return Answer.json({"totalTokens": 2})
    if method not in ("generateContent", "streamGenerateContent"):
        return Answer.json(fault(404, "NOT_FOUND", f"there is no {method}"), 404)
    try:
        check_request(body)
    except ValueError as error:
        return Answer.json(fault(400, "INVALID_ARGUMENT", str(error)), 400)
    answer = _answer_to(body, request["path"])
    return Answer.sse([answer], done=False) if method == "streamGenerateContent" else Answer.json(answer)


def _answer_to(body: dict[str, Any], path: str) -> dict[str, Any]:
    tools = str(body.get("tools"))
    if "-image:" in path:
        return said({"inlineData": {"mimeType": "image/png", "data": PIXEL}})
    if "googleSearch" in tools:
        return said({"text": f" looked: …{CITED}"}, groundingMetadata=GROUNDED)
    if "responseJsonSchema" in body.get("generationConfig", {}):
        return said({"text": '{"name": "Paris"}'})
    if "get_weather" not in tools:
        return said({"text": "Hello!"})
    if len(body["contents"]) == 1:
        return said({"text": "They want the weather.", "thought": True}, CALLED)
    return said({"text": "It is sunny." if body["contents"][1]["parts"] == [CALLED] else "A signature is missing."})
