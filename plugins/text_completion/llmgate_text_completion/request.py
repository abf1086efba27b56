"""A text completion or a chat call -> POST /completions. Pure.

Several messages become one prompt: a list of prompts would be answered with one choice each, which is not a chat.

Source: OpenAI API reference, POST /completions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import Call, Route, UpstreamRequest, errors, hookimpl

PATH = "/completions"


@hookimpl
def transform_request(call: Call, route: Route) -> UpstreamRequest:
    """Send a text completion as it is, a chat as one prompt."""
    if route.family != "chat":
        return UpstreamRequest("POST", PATH, body=call.body)
    body = {name: value for name, value in call.body.items() if name != "messages"}
    prompt = _prompt(call.body["messages"], route)
    return UpstreamRequest("POST", PATH, body={"model": route.model, "prompt": prompt, **body})


def _prompt(messages: list[Any], route: Route) -> Any:
    """Return one message's text or token list, or the texts of several messages joined by newlines."""
    contents = [_text(index, message, route) for index, message in enumerate(messages)]
    if len(contents) == 1:
        return contents[0]
    texts = [content for content in contents if isinstance(content, str)]
    if len(texts) < len(contents):
        raise _refuse("a token list must be the only message", route)
    return "\n".join(texts)


def _text(index: int, message: Mapping[str, Any], route: Route) -> Any:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        if all(isinstance(token, int) for token in content):
            return content
        texts = [part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        if len(texts) == len(content):
            return "".join(texts)
    raise _refuse(f"messages[{index}] must be plain text: a text completion takes nothing else", route)


def _refuse(message: str, route: Route) -> errors.UnsupportedParamsError:
    return errors.UnsupportedParamsError(
        message, status_code=400, param="messages", provider=route.provider, model=route.model, attempts=0
    )
