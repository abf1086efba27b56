"""Convert a Messages call to a chat call.

Pure. Does not judge the resulting chat parameters: the chat plugin's `supports_param` does.

Source: Anthropic API reference, `MessageCreateParams` and `MessageCountTokensParams`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from llmgate_core.bridges.fields import listed, object_of, other_fields
from llmgate_core.bridges.messages_to_chat.effort import add_effort
from llmgate_core.bridges.messages_to_chat.marks import CACHE_CONTROL, CacheMarks
from llmgate_core.bridges.messages_to_chat.tools import Tools
from llmgate_core.bridges.messages_to_chat.turns import chat_messages
from llmgate_core.bridges.messages_to_chat.values import (
    CONVERTED,
    LOST,
    MAX_USER_CHARACTERS,
    NEUTRAL,
    SAME_ON_CHAT,
    SOURCE,
    TIERS_OF_CHAT,
    UNSUPPORTED,
)
from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.ledger import Ledger, LedgerEntry
from llmgate_core.errors import bad_request

__all__ = ["to_chat"]

Takes = Callable[[str, Any], bool]
MARK: JsonObject = {"type": "ephemeral"}
ENCRYPTED = ["reasoning.encrypted_content"]


def to_chat(call: Call, route: Route, takes: Takes) -> tuple[Call, tuple[LedgerEntry, ...]]:
    """Return the chat call for `call`, and the ledger entries of the conversion.

    Args:
        call: the Messages call, of the operation `create` or `count_tokens`.
        route: its route.
        takes: whether the chat plugin says that it takes a parameter which chat does not document.

    A parameter that the Messages API does not document is sent unchanged and wins over a converted one.

    Raises:
        BadRequestError: the request is malformed.
        UnsupportedParamsError: chat has no counterpart for a parameter or a block, and the policy is `error`.
    """
    draft = _Draft(call, route, takes)
    first = Ledger(route, SOURCE)
    first.bridged("messages", "converted to a chat call, and its completion to a message")
    chat = draft.body()
    return replace(call, family="chat", body=chat), (*first.entries, *draft.ledger.entries)


class _Draft:
    """The chat body of one call under construction."""

    def __init__(self, call: Call, route: Route, takes: Takes) -> None:
        self.ledger = Ledger(route, SOURCE)
        self._call = call
        self._body = call.body
        self._route = route
        self._takes = takes
        self._marks = CacheMarks(are_taken=takes(CACHE_CONTROL, MARK))

    def body(self) -> JsonObject:
        """Return the chat body."""
        body, ledger = self._body, self.ledger
        chat: JsonObject = {"messages": chat_messages(body, self._route.provider, self._marks, ledger)}
        chat.update((name, body[name]) for name in SAME_ON_CHAT if body.get(name) is not None)
        Tools(self._marks, ledger).add_to(chat, body)
        chat.update(self._marks.moved({}, body))  # the marker of the whole call
        self._add_output_config(chat)
        add_effort(chat, body, self._route, ledger)
        if self._call.operation == "create":
            self._add_settings(chat)
        self._add_rest(chat)
        self._marks.note(ledger)
        return chat

    def _add_settings(self, chat: JsonObject) -> None:
        """Add what an answer needs, and the count of its tokens does not."""
        self._add_limit(chat)
        self._add_stop(chat)
        self._add_user(chat)
        self._add_tier(chat)
        if self._call.stream:
            chat["stream"], chat["stream_options"] = True, {"include_usage": True}
        elif self._body.get("stream") is not None:
            chat["stream"] = self._body["stream"]
        if self._takes("include", ENCRYPTED):
            chat["include"] = ENCRYPTED
            self.ledger.bridged("include", "the model's reasoning is asked for, so that the next turn has it")

    def _add_limit(self, chat: JsonObject) -> None:
        limit = self._body.get("max_tokens")
        if limit is None:
            return
        params = object_of((self._route.facts or {}).get("params"))
        name = "max_completion_tokens" if params.get("max_tokens_param") == "max_completion_tokens" else "max_tokens"
        chat[name] = limit

    def _add_stop(self, chat: JsonObject) -> None:
        stops = self._body.get("stop_sequences")
        if stops is not None and not isinstance(stops, list):
            raise bad_request("stop_sequences", "stop_sequences must be a list of strings")
        if stops:
            chat["stop"] = stops
            self.ledger.bridged("stop_sequences", "sent as stop")

    def _add_user(self, chat: JsonObject) -> None:
        """Pass a short id on; a long one, or JSON, is what a client reports of itself."""
        metadata = self._body.get("metadata")
        if metadata is None:
            return
        if not isinstance(metadata, Mapping):
            raise bad_request("metadata", "metadata must be an object")
        if others := other_fields(metadata, {"user_id"}):
            self.ledger.dropped("metadata", f"chat has no {listed(others)}")
        user = metadata.get("user_id")
        if not isinstance(user, str) or not user:
            return
        if len(user) > MAX_USER_CHARACTERS or user.lstrip().startswith("{"):
            self.ledger.dropped("metadata", "user_id is telemetry of the client, and not the id of a user")
        else:
            chat["user"] = user
            self.ledger.bridged("metadata", "user_id is sent as user")

    def _add_tier(self, chat: JsonObject) -> None:
        tier = self._body.get("service_tier")
        if isinstance(tier, str) and tier in TIERS_OF_CHAT:
            chat["service_tier"] = TIERS_OF_CHAT[tier]
            self.ledger.bridged("service_tier", f"sent as {TIERS_OF_CHAT[tier]}")
        elif tier is not None and tier != "auto":
            chat["service_tier"] = tier

    def _add_output_config(self, chat: JsonObject) -> None:
        config = self._body.get("output_config")
        if config is not None and not isinstance(config, Mapping):
            raise bad_request("output_config", "output_config must be an object")
        config = object_of(config)
        form = config.get("format") or self._body.get("output_format")
        if form is not None:
            chat["response_format"] = _response_format(form)
        if lost := other_fields(config, {"effort", "format"}):
            self.ledger.lost("output_config", f"chat has no {listed(lost)}")

    def _add_rest(self, chat: JsonObject) -> None:
        for name, value in self._body.items():
            if value is None or value in NEUTRAL.get(name, ()):
                continue
            if name in LOST:
                self.ledger.lost(name, LOST[name])
            elif name in UNSUPPORTED:
                if self._takes(name, value) or self.ledger.forwards(name, UNSUPPORTED[name]):
                    chat[name] = value
            elif name not in CONVERTED:
                chat[name] = value


def _response_format(form: Any) -> JsonObject:
    schema = form.get("schema") if isinstance(form, Mapping) else None
    if not isinstance(schema, Mapping) or form.get("type") != "json_schema":
        raise bad_request("output_config", "output_config.format must be {'type': 'json_schema', 'schema': {...}}")
    return {"type": "json_schema", "json_schema": {"name": "output", "schema": schema, "strict": True}}
