"""Anthropic's own API: its address, its key and its headers.

Source: Anthropic API reference; the SDK `anthropic` 2.14.0.
"""

from __future__ import annotations

from llmgate_anthropic.wire import AnthropicCompatible
from llmgate_core.plugin import Credential, Option, ProviderInfo, Route, UpstreamRequest, hookimpl

__all__ = ["Anthropic", "plugin"]

_LIMITED = ("requests", "tokens")
_LIMITS = ("limit", "remaining", "reset")


class Anthropic(AnthropicCompatible):
    """Serves `anthropic/` in the families chat and messages."""

    info = ProviderInfo(
        api=(1, 1),
        name="anthropic",
        base_url="https://api.anthropic.com/v1",
        env_key="ANTHROPIC_API_KEY",
        env_key_optional=True,
        env_base_url=("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"),
        operations=frozenset({"chat.count_tokens", "messages.count_tokens"}),
        headers={"anthropic-version": "2023-06-01"},
        key_header="x-api-key",
        request_id_header="request-id",
        rate_limit_headers={
            f"anthropic-ratelimit-{what}-{limit}": f"x-ratelimit-{limit}-{what}"
            for what in _LIMITED
            for limit in _LIMITS
        },
        options=(
            Option(
                "auth_token",
                env=("ANTHROPIC_AUTH_TOKEN",),
                secret=True,
                help="sent as a bearer token where there is no key",
            ),
        ),
    )

    @hookimpl
    def auth(
        self, request: UpstreamRequest, route: Route, credential: Credential | None, now: float
    ) -> UpstreamRequest | None:
        """Send the token as a bearer where there is no key; None: core sends the key."""
        token = route.secrets.get("auth_token")
        if route.api_key is not None or token is None:
            return None
        return request.with_headers({"authorization": f"Bearer {token.reveal()}"})


plugin = Anthropic()
