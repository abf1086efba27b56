"""Estimate the tokens of a request for providers that do not count them: as a plugin that serves the call itself.

Makes no request. With `tiktoken` installed, text is counted exactly for models whose encoding is on this machine
already; otherwise a token is taken for three and a half bytes.

Source: docs/guide/tokens.md.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha1, sha256
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Any

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.hooks import hookimpl
from llmgate_core.contract.ledger import LedgerEntry
from llmgate_core.contract.provider import Option, ProviderInfo
from llmgate_core.json_codec import encode

__all__ = ["ESTIMATED", "TokenEstimator", "estimate"]

BYTES_OF_TOKEN = 3.5
"""How many bytes of text a token has on average, for text of several languages and code."""
TOKENS_OF_MESSAGE = 4
"""What the role and the frame of a message take. Source: OpenAI's cookbook, "How to count tokens with tiktoken"."""
TOKENS_OF_FILE = 1_600
"""A picture or a file. Source: Anthropic's documentation of vision, the most that a picture takes unscaled."""
FILES = frozenset({"image", "image_url", "input_image", "document", "file", "input_file", "input_audio"})
"""Types of parts and blocks whose data are no text."""
NO_TEXT = frozenset(
    {"type", "role", "id", "tool_use_id", "tool_call_id", "signature", "data", "cache_control", "reasoning_items"}
)
"""Fields of messages and blocks that the model does not read as text."""
COUNTED = ("system", "messages", "tools", "functions", "response_format", "output_config")
ENCODINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "o200k_base": (
            "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
            "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        ),
        "cl100k_base": (
            "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
            "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        ),
    }
)
"""Encoding -> under which address tiktoken keeps its table, and the SHA-256 of it. Source: tiktoken 0.14."""
CACHE_VARIABLES = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")
ESTIMATED = LedgerEntry(
    "input_tokens",
    "emulated",
    "the provider does not count tokens: they are estimated here, and nothing is sent",
    "docs/guide/tokens.md",
)


class TokenEstimator:
    """The plugin that takes the place of a provider's counter, and takes that provider's options without a use."""

    def __init__(self, options: tuple[Option, ...] = ()) -> None:
        operations = frozenset({"chat.count_tokens", "messages.count_tokens"})
        self.info = ProviderInfo(api=(1, 1), name="llmgate", operations=operations, options=options)

    @hookimpl
    def serve(self, call: Call, route: Route) -> JsonObject:
        """Return the estimate."""
        count, source = estimate(call.body, route.model)
        return {"input_tokens": count, "is_estimate": True, "source": source}


def estimate(body: Mapping[str, Any], model: str) -> tuple[int, str]:
    """Return about how many tokens the body of a chat or a Messages call has, and what the number was made with."""
    strings, files = [], 0
    for text in _strings(body):
        if text is None:
            files += 1
        else:
            strings.append(text)
    messages = body.get("messages")
    frame = (len(messages) if isinstance(messages, list) else 1) * TOKENS_OF_MESSAGE
    counted, source = _tokens_of("\n".join(strings), model)
    return counted + frame + files * TOKENS_OF_FILE, source


def _strings(body: Mapping[str, Any]) -> Iterator[str | None]:
    """Yield the text of a body, and None for each picture or file."""
    for name in COUNTED:
        value = body.get(name)
        if name in ("system", "messages"):
            yield from _texts_of(value)
        elif value:
            yield encode(value).decode("utf-8", "replace")


def _texts_of(value: Any) -> Iterator[str | None]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts_of(item)
    elif isinstance(value, Mapping):
        if value.get("type") in FILES and isinstance(value.get("type"), str):
            yield None
        elif isinstance(value.get("input"), Mapping):
            yield encode(value["input"]).decode("utf-8", "replace")
        else:
            for name, item in value.items():
                if name not in NO_TEXT:
                    yield from _texts_of(item)


def _tokens_of(text: str, model: str) -> tuple[int, str]:
    encoding = _encoding_of(model)
    if encoding is not None:
        return len(encoding.encode(text, disallowed_special=())), f"tiktoken {encoding.name}"
    return ceil(len(text.encode("utf-8", "replace")) / BYTES_OF_TOKEN), f"{BYTES_OF_TOKEN} bytes a token"


def _encoding_of(model: str) -> Any:
    """Return tiktoken's encoding of a model; None: tiktoken is not installed, or would have to download its table."""
    try:
        import tiktoken
    except ImportError:
        return None
    try:
        name = tiktoken.encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        return None
    return tiktoken.get_encoding(name) if _is_on_this_machine(name, _cache_folder()) else None


def _cache_folder() -> str:
    folders = (os.environ[name] for name in CACHE_VARIABLES if name in os.environ)
    return next(folders, str(Path(tempfile.gettempdir()) / "data-gym-cache"))


@cache
def _is_on_this_machine(name: str, folder: str) -> bool:
    """Return whether an encoding's table is whole in tiktoken's cache; it would download a missing or damaged one."""
    if name not in ENCODINGS or not folder:
        return False
    address, digest = ENCODINGS[name]
    try:
        table = (Path(folder) / sha1(address.encode(), usedforsecurity=False).hexdigest()).read_bytes()
    except OSError:
        return False
    return sha256(table).hexdigest() == digest
