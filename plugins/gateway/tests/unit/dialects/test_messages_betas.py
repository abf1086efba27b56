"""What is left out, and recorded, of the betas of Anthropic's API where an upstream has another API."""

from __future__ import annotations

from typing import get_args

import pytest
from anthropic.types.anthropic_beta_param import AnthropicBetaParam
from llmgate_gateway.calls.contract import GatewayCall, OwnAPI
from llmgate_gateway.dialects.anthropic.betas import BETAS, fields_of, ledger_of
from llmgate_gateway.http.caller import ANYBODY
from llmgate_gateway.telemetry.record import RequestRecord

OF_CLAUDE_CODE = (
    "claude-code-20250219",
    "interleaved-thinking-2025-05-14",
    "context-management-2025-06-27",
    "thinking-token-count-2026-05-13",
    "advanced-tool-use-2025-11-20",
    "prompt-caching-scope-2026-01-05",
    "effort-2025-11-24",
    "context-1m-2025-08-07",
    "redact-thinking-2026-02-12",
    "structured-outputs-2025-12-15",
    "fine-grained-tool-streaming-2025-05-14",
)
"""What Claude Code 2.1.332 sends, by settings and models."""
OF_OTHER_RESOURCES = frozenset(
    {
        "admin-user-sign-out", "agent-memory", "analytics-usage-cost", "ce-claude-code-managed-settings", "ce-plugins",
        "ce-user-management", "dreaming", "efs", "experimental-claude-tag", "google-managed-data-controls",
        "managed-agents", "mcp-tunnels", "message-batches", "spend-limit-reads", "telemetry-destinations",
        "user-profiles-billing", "webhooks",
    }
)  # fmt: skip
"""Betas of paths other than Messages."""


@pytest.mark.parametrize("beta", OF_CLAUDE_CODE)
def test_what_claude_code_sends_is_known(beta: str) -> None:
    (entry, *_) = ledger_of([beta])
    assert (entry.parameter, entry.action) == ("betas", "dropped")
    assert "not known" not in entry.reason


def test_every_beta_that_the_sdk_names_for_messages_is_known() -> None:
    literals = get_args(get_args(AnthropicBetaParam)[1])
    unknown = {name[: -len("-2025-01-01")] for name in literals} - set(BETAS) - OF_OTHER_RESOURCES
    assert unknown == set()


def test_fields_that_a_beta_has_switched_on_go_with_it() -> None:
    betas = ["context-management-2025-06-27", "fast-mode-2026-02-01", "mcp-client-2025-11-20"]
    body = {"model": "m", "context_management": {}, "speed": "fast", "mcp_servers": []}
    fields = fields_of(betas, body)
    assert fields == {"context_management", "speed"}
    recorded = {(it.parameter, it.lossy) for it in ledger_of(betas, fields)}
    assert recorded >= {("context_management", True), ("speed", True)}
    assert fields_of(betas, {"model": "m"}) == frozenset()


def test_a_beta_that_is_not_known_is_recorded_without_its_name() -> None:
    entries = ledger_of(["canary-2031-01-01", "x", "other-canary"])
    assert len(entries) == 1
    assert entries[0].lossy
    assert "canary" not in repr(entries)


def test_one_entry_is_enough_for_betas_of_the_same_kind() -> None:
    assert len(ledger_of(["claude-code-20250219", "oauth-2025-04-20", "interleaved-thinking-2025-05-14"])) == 2


def test_a_call_loses_the_fields_and_keeps_the_rest() -> None:
    betas = ["context-management-2025-06-27"]
    body = {"max_tokens": 1, "context_management": {}}
    fields = fields_of(betas, body)
    own = OwnAPI({"anthropic-beta": betas[0]}, fields, ledger_of(betas, fields))
    call = GatewayCall(ANYBODY, "messages", "create", "m", body, b"{}", RequestRecord("r", 0.0), own_api=own)
    call.leave_own_api()
    assert (call.body, call.content, call.own_api) == ({"max_tokens": 1}, None, None)
    assert [it.parameter for it in call.record.ledger] == ["betas", "context_management"]
    call.leave_own_api()
    assert len(call.record.ledger) == 2


def test_bytes_stay_where_no_field_goes() -> None:
    own = OwnAPI({"anthropic-beta": "x"}, frozenset({"speed"}), ())
    call = GatewayCall(ANYBODY, "messages", "create", "m", {"a": 1}, b'{"a":1}', RequestRecord("r", 0.0), own_api=own)
    call.leave_own_api()
    assert (call.body, call.content) == ({"a": 1}, b'{"a":1}')
