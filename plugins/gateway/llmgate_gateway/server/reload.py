"""Read a config again, and notice when its file has changed. A config is used whole or not at all.

Source: rows R34 and R35 of docs/reliability.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Final

from llmgate_core.serving import errors
from llmgate_gateway.config import (
    ConfigProblems,
    GatewayConfig,
    Problem,
    check_bind,
    check_routes,
    config_for_model,
    has_keys,
    load_config,
)

__all__ = ["POLL_SECONDS", "FileWatch", "Source", "needs_new_start"]

POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """Where the config comes from, and what a new one must not change.

    Attributes:
        path: the file; None: `model` is served without a file.
        host, insecure_no_auth: the address, which no new config may open to everyone.
        asks_for_keys: the server was started with keys, so no new config may do without.
    """

    path: str | None
    model: str | None = None
    host: str = "127.0.0.1"
    insecure_no_auth: bool = False
    asks_for_keys: bool = False

    def started_with(self, config: GatewayConfig) -> Source:
        """Return the source of the configs that may follow `config`."""
        return replace(self, asks_for_keys=has_keys(config))

    def load(self) -> GatewayConfig:
        """Return the config, checked whole, its plugins loaded.

        Raises:
            ConfigError: the config is not valid; a line for each mistake.
        """
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
