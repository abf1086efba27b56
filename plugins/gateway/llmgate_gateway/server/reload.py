"""Read a config again, and notice when its file has changed. A config is used whole or not at all.

Source: rows R34 and R35 of docs/reliability.md.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from llmgate_core.serving import errors
from llmgate_gateway.config import (
    STANDARD_INPUT,
    ConfigProblems,
    GatewayConfig,
    Problem,
    check_bind,
    check_routes,
    config_for_model,
    has_keys,
    load_config,
)

if TYPE_CHECKING:
    from llmgate_gateway.server.certificate import Certificate

__all__ = ["POLL_SECONDS", "FileWatch", "Source", "needs_new_start"]

log = logging.getLogger("llmgate.gateway")

POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """Where the config comes from, and what a new one must not change.

    Attributes:
        path: the file, `-` for standard input; None: `model` is served without a file.
        host, insecure_no_auth: the address, which no new config may open to everyone.
        certificate: the server's own, whose files are checked together with the config.
        asks_for_keys: the server was started with keys, so no new config may do without.
        from_input: what standard input said, which cannot be read again.
    """

    path: str | None
    model: str | None = None
    host: str = "127.0.0.1"
    insecure_no_auth: bool = False
    certificate: Certificate | None = None
    asks_for_keys: bool = False
    from_input: GatewayConfig | None = field(default=None, repr=False)

    def started_with(self, config: GatewayConfig) -> Source:
        """Return the source of the configs that may follow `config`."""
        return replace(self, asks_for_keys=has_keys(config), from_input=config if self.path == STANDARD_INPUT else None)

    def load(self) -> GatewayConfig:
        """Return the config, checked whole, its plugins loaded.

        Raises:
            ConfigError: the config is not valid, a line for each mistake; or the certificate is not.
        """
        if self.certificate is not None:
            self.certificate.check()
        if self.from_input is not None:
            log.warning("the config came from standard input, which is not read again: it stays what it was")
            return self.from_input
        config = load_config(self.path, plugins=True) if self.path is not None else _config_of(self.model or "")
        check_bind(config, self.host, self.insecure_no_auth)
        is_insecure = self.insecure_no_auth or config.general.insecure_no_auth
        if self.asks_for_keys and not has_keys(config) and not is_insecure:
            raise errors.ConfigError("it no longer has a key; restart the server to serve without keys")
        return config


def _config_of(model: str) -> GatewayConfig:
    """Return the config of `--model`. A mistake is reported once, for the flag, since the user wrote no entries."""
    try:
        config = config_for_model(model)
        check_routes(config)
    except ConfigProblems as error:
        messages = dict.fromkeys(problem.message for problem in error.problems)
        problems = tuple(Problem(0, 0, "--model", message) for message in messages)
        raise ConfigProblems("\n".join(problem.show("") for problem in problems), problems) from None
    return config


def needs_new_start(before: GatewayConfig, after: GatewayConfig) -> list[str]:
    """Return a warning for each setting that a running server cannot change."""
    old, new = before.general, after.general
    settings = (
        ("log.file", old.log.file, new.log.file),
        ("tracing", old.tracing, new.tracing),
        ("stores", old.stores, new.stores),
        ("dialects", old.dialects, new.dialects),
    )
    return [
        f"general_settings.{name} has changed; it takes effect when the server is restarted"
        for name, was, is_now in settings
        if was != is_now
    ]


class FileWatch:
    """Notices changes of a file by its time, size and inode; does not read it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = self._state()

    def has_changed(self) -> bool:
        """Return whether the file has changed since the last call; one that is missing at the moment has not."""
        state = self._state()
        if state is None or state == self._seen:
            return False
        self._seen = state
        return True

    def _state(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
