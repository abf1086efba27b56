"""Put what a chat answer says for its own upstream into one string, and take it out again.

Pure. Chat messages have `reasoning_items`, and tool calls fields of their provider, such as signatures, without which
the next turn is refused. The `encrypted_content` of a reasoning item, or the `signature` of a thinking block, carries
both through clients that know the Responses or the Messages API only: `llmgate:<provider>:<base64 of JSON>`, where the
JSON is

    {"items": [...], "calls": {"<call_id>": {...}}, "continues": true}

`continues` says that the item belongs to the message before it; without it, a message begins here.

Source: docs/guide/bridges.md, "Keep the model's reasoning".
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmgate_core.bridges.fields import list_of
from llmgate_core.contract.call import JsonObject
from llmgate_core.contract.ledger import Ledger
from llmgate_core.endpoints.sealed_reasoning import SEAL, is_sealed
from llmgate_core.json_codec import decode, encode, has_more_values

__all__ = ["Sealing", "Unsealed", "Unsealing"]

MAX_CHARACTERS = 4 * 1024 * 1024
"""The longest string that is written or read."""
MAX_CHARACTERS_OF_A_CALL = 4 * MAX_CHARACTERS
MAX_VALUES = 5_000
"""How many values the JSON of one item may have: what decoding costs is not bounded by its length."""
NOTHING = b64encode(encode({})).decode()
IDENTITY = frozenset({"index", "id", "type", "function", "custom"})
"""Fields of a tool call that say which call it is and what it calls. The `function_call` item has them."""


class Sealing:
    """Collects what a reasoning item has to carry, until there is one."""

    def __init__(self, provider: str, ledger: Ledger) -> None:
        self._provider = provider
        self._ledger = ledger
        self._items: list[JsonObject] = []
        self._calls: dict[str, JsonObject] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether something has not been sealed yet."""
        return bool(self._items or self._calls)

    def add_items(self, items: Any) -> None:
        """Add the `reasoning_items` of a message or a delta; what is not an object cannot be sent back."""
        self._items += [item for item in list_of(items) if isinstance(item, dict)]

    def add_call(self, call_id: str, fields: Mapping[str, Any]) -> None:
        """Add the fields of a tool call for which a call item has none of its own."""
        self._calls[call_id] = {**fields, **self._calls.get(call_id, {})}

    def signature(self) -> str:
        """Return the signature of the thinking block that is made now; with nothing to carry it says whose it is."""
        return self.seal(continues=False) or f"{SEAL}{self._provider}:{NOTHING}"

    def seal(self, *, continues: bool) -> str | None:
        """Return the `encrypted_content` of the item that is made now; None: it has nothing to carry.

        `continues`: the answer has earlier items. That is said even if there is nothing else to carry, since a
        reasoning item without it begins another message on the way back.
        """
        if not self.is_waiting and not continues:
            return None
        said: JsonObject = {"items": self._items, "calls": self._calls, "continues": continues}
        self._items, self._calls = [], {}
        try:
            content = b64encode(encode({name: value for name, value in said.items() if value})).decode()
        except ValueError as error:
            self._ledger.lost("message.reasoning_items", f"they cannot be written as JSON: {error}")
            return None
        if len(content) > MAX_CHARACTERS:
            self._ledger.lost("message.reasoning_items", f"they have more than {MAX_CHARACTERS} characters as base64")
            return None
        return f"{SEAL}{self._provider}:{content}"


@dataclass(frozen=True, slots=True)
class Unsealed:
    """What a reasoning item carried.

    Attributes:
        items: the `reasoning_items` of the chat message, as they were.
        calls: call id -> the fields of its provider.
        continues: they belong to the message before the item.
    """

    items: list[JsonObject]
    calls: Mapping[str, JsonObject]
    continues: bool


class Unsealing:
    """Reads the sealed strings of one call, and records what cannot be read; `parameter` is where they are."""

    def __init__(self, provider: str, ledger: Ledger, parameter: str = "input") -> None:
        self._own = f"{SEAL}{provider}:"
        self._ledger = ledger
        self._parameter = parameter
        self._characters_left = MAX_CHARACTERS_OF_A_CALL

    def open(self, sealed: Any) -> Unsealed | None:
        """Return what `sealed` carries; None if it is not this provider's, or is damaged."""
        if not is_sealed(sealed):
            self._ledger.dropped(self._parameter, "encrypted reasoning can only be read by the model that produced it")
            return None
        if not sealed.startswith(self._own):
            self._ledger.dropped(self._parameter, "reasoning of another provider can only be read by that provider")
            return None
        content = sealed.removeprefix(self._own)
        if len(content) > min(MAX_CHARACTERS, self._characters_left):
            self._ledger.lost(self._parameter, f"the encrypted reasoning is longer than {MAX_CHARACTERS} characters")
            return None
        self._characters_left -= len(content)
        unsealed = _unsealed(content)
        if unsealed is None:
            self._ledger.lost(self._parameter, "the encrypted reasoning is damaged, and is left out")
        return unsealed


def _unsealed(content: str) -> Unsealed | None:
    try:
        plain = b64decode(content, validate=True)
        said = None if has_more_values(plain, MAX_VALUES) else decode(plain)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    items, calls, continues = said.get("items", []), said.get("calls", {}), said.get("continues", False)
    if not isinstance(items, list) or not isinstance(calls, dict) or not isinstance(continues, bool):
        return None
    if not all(isinstance(fields, dict) for fields in (*items, *calls.values())):
        return None
    # whatever a client has put there, the call stays the one that its item says it is
    own = {
        call_id: {name: fields[name] for name in fields if name not in IDENTITY} for call_id, fields in calls.items()
    }
    return Unsealed(items, own, continues)
