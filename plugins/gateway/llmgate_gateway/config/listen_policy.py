"""Decide whether the gateway may listen on an address: only with a strong key if other machines can reach it.

Pure.

Source: row S1 of docs/reliability.md.
"""

from __future__ import annotations

from llmgate_core.serving import Secret, errors
from llmgate_gateway.config.schema.fields import is_loopback
from llmgate_gateway.config.schema.model import GatewayConfig

__all__ = ["check_bind", "has_keys"]

MIN_KEY_CHARACTERS = 16
MIN_DISTINCT_CHARACTERS = 6
EXAMPLES = frozenset(
    {
        "sk-1234",
        "sk-1234567890",
        "sk-12345678901234",
        "sk-1234567890123456",
        "sk-123456789012345678901234567890",
        "sk-1234567890abcdef",
        "sk-my_special_key",
        "sk-my-special-key",
        "sk-my-master-key",
        "sk-master-key-1234",
        "sk-your-master-key",
        "sk-your-secret-key",
        "sk-your-master-key-here",
        "sk-litellm-master-key",
        "sk-proxy-master-key",
        "sk-change-me-please",
        "your-master-key-here",
        "your-secret-master-key",
        "my-secret-master-key",
        "changemechangeme",
    }
)
"""Keys from public examples, compared in lower case."""


def check_bind(config: GatewayConfig, host: str, insecure_no_auth: bool = False) -> None:
    """Refuse an address that other machines can reach if there is no key, or a weak one.

    Args:
        config: the config that would be served.
        host: the address to listen on; `127.0.0.1`, `::1` and `localhost` are always allowed.
        insecure_no_auth: the flag `--insecure-no-auth`.

    Raises:
        ConfigError: the message says what to do, and shows no key.
    """
    if is_loopback(host) or insecure_no_auth or config.general.insecure_no_auth:
        return
    keys = [("general_settings.master_key", config.general.master_key)]
    keys += [(f"general_settings.keys[{index}].key", client.key) for index, client in enumerate(config.general.keys)]
    present = [(path, key) for path, key in keys if key is not None]
    way_out = "or pass --insecure-no-auth (general_settings.insecure_no_auth: true)"
    if not present and config.general.stores.keys is None:
        raise errors.ConfigError(
            f"{host} can be reached from other machines, and no key is set: "
            f"set general_settings.master_key ({MIN_KEY_CHARACTERS} characters or more), listen on 127.0.0.1, {way_out}"
        )
    weak = [f"{path} {weakness}" for path, key in present if (weakness := _weakness(key))]
    if weak:
        raise errors.ConfigError(
            f"{host} can be reached from other machines: {'; '.join(weak)}. "
            f"Set a random key of {MIN_KEY_CHARACTERS} characters or more, listen on 127.0.0.1, {way_out}"
        )


def has_keys(config: GatewayConfig) -> bool:
    """Return whether clients need a key."""
    general = config.general
    return general.master_key is not None or bool(general.keys) or general.stores.keys is not None


def _weakness(key: Secret) -> str | None:
    value = key.reveal()
    if value.lower() in EXAMPLES:
        return "is a published example"
    if len(value) < MIN_KEY_CHARACTERS:
        return f"has fewer than {MIN_KEY_CHARACTERS} characters"
    return "repeats too few characters" if len(set(value)) < MIN_DISTINCT_CHARACTERS else None
