"""Keys: those that a client presents to the gateway, and those that must not show anywhere.

Input: lines. Each is a header of a request as the gateway gets it, `a:`, `x:` or `k:` before its value; the whole is
also a pattern for a message in which a key is hidden in many encodings, which must not survive masking.
"""

from __future__ import annotations

import asyncio
import base64
import re
from functools import lru_cache
from urllib.parse import quote, unquote

from llmgate_gateway.access.keys import KeyRing
from llmgate_gateway.config import GatewayConfig, config_of

from llmgate_core.secrets import Secret, SecretFinder, mask

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = ("llmgate_gateway.access.keys", "llmgate_core.secrets")
KEY = "sk-Fuzz_4f9Q-zT7wB2mXc8LdR1"
OTHER = "sk-other-0123456789abcdefgh"
SHORTEST_PIECE = 12
ENCODINGS = {
    1: lambda text: text,
    2: lambda text: text.upper(),
    3: lambda text: base64.b64encode(text.encode()).decode(),
    4: lambda text: base64.urlsafe_b64encode(b"x" + text.encode()).decode(),
    5: lambda text: text.encode().hex(),
    6: lambda text: "".join(f"%{ord(character):02x}" for character in text),
    7: lambda text: quote("".join(f"%{ord(character):02X}" for character in text)),
    8: lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    11: lambda text: "".join(f"&#{ord(character)};" for character in text),
}
"""Control character -> how the piece of the key that the next two characters name is written."""


def check(data: bytes) -> None:
    """Present the lines as headers, and mask a message that is made of the bytes."""
    check_headers(data)
    check_mask(data.decode("latin-1"))


def check_headers(data: bytes) -> None:
    """Assert that the key is found exactly where a plain reading of the rule finds it."""
    headers: dict[bytes, list[bytes]] = {b"a": [], b"x": [], b"k": []}
    for line in data.replace(b"KEY", KEY.encode()).split(b"\n"):
        name, found, value = line.partition(b":")
        if found and name in headers:
            headers[name].append(value)
    caller = event_loop().run_until_complete(ring().caller_of(headers[b"a"], [headers[b"x"], headers[b"k"]]))
    presented = set()
    for name, values in headers.items():
        for value in values:
            if name != b"a":
                presented.add(value.strip(b" "))
            elif found := re.fullmatch(rb"bearer (.*)", value, re.IGNORECASE | re.DOTALL):
                presented.add(found[1].strip(b" "))
    is_right = presented == {KEY.encode()} and max(map(len, headers.values())) == 1
    assert (caller is not None) == is_right, "a key is taken or refused against the rule"


def check_mask(pattern: str) -> None:
    """Assert that masking leaves no piece of the key, and changes nothing where it finds none."""
    text = hidden(pattern)
    secrets = (Secret(KEY), None, Secret(OTHER))
    masked = mask(text, secrets)
    finder = SecretFinder(secrets)
    assert finder.matches(text) == (masked != text), "a secret is found but not masked, or the other way round"
    assert not shows(masked), "a piece of a key survives masking"
    assert finder.mask(masked) == masked, "masking again masks more"


def hidden(pattern: str) -> str:
    """Return what a pattern describes: a control character and two others stand for an encoded piece of the key."""
    parts, at = [], 0
    while at < len(pattern):
        encode = ENCODINGS.get(ord(pattern[at]))
        if encode is None or at + 2 >= len(pattern):
            parts.append(pattern[at])
            at += 1
            continue
        start, size = ord(pattern[at + 1]) % len(KEY), ord(pattern[at + 2]) % (len(KEY) + 1)
        parts.append(encode(KEY[start : start + size]))
        at += 3
    return "".join(parts)


def shows(text: str) -> bool:
    """Return whether twelve characters of the key are in a message, in one of the likely encodings."""
    views = [text, unquote(text), unquote(unquote(text)), re.sub(r"\\u00(..)", unescaped, text)]
    views += [bytes.fromhex(run).decode("latin-1") for run in re.findall(r"(?:[0-9a-fA-F]{2})+", text)]
    pieces = {KEY[at : at + SHORTEST_PIECE].lower() for at in range(len(KEY) - SHORTEST_PIECE + 1)}
    return any(piece in view.lower() for view in views for piece in pieces)


def unescaped(match: re.Match[str]) -> str:
    """Return the character of an escape, or the match itself where it is not one."""
    return chr(int(match[1], 16)) if re.fullmatch("[0-9a-fA-F]{2}", match[1]) else match[0]


@lru_cache(maxsize=1)
def ring() -> KeyRing:
    """Return the keys of a gateway that knows `KEY`."""
    return KeyRing(config())


def config() -> GatewayConfig:
    """Return the config of a gateway with two keys."""
    keys = [{"name": "one", "key": KEY}]
    entry = {"model_name": "m", "params": {"model": "openai/m", "api_key": OTHER}}
    return config_of({"model_list": [entry], "general_settings": {"master_key": OTHER, "keys": keys}})


@lru_cache(maxsize=1)
def event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of this process."""
    return asyncio.new_event_loop()
