"""Read a config anew and say when its file has changed. Never takes half of one.

Source: rows R34 and R35 of the reliability catalogue in docs/architecture.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from llmgate_gateway.config import GatewayConfig, check_bind, check_routes, config_for_model, load_config

__all__ = ["POLL_SECONDS", "FileWatch", "Source", "needs_new_start"]

POLL_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """Where the config comes from, and what it must fit.

    Attributes:
        path: the file; None: `model` is served without one.
        host, insecure_no_auth: the address that is listened on, which no new config may lay open.
    """

    path: str | None
    model: str | None = None
    host: str = "127.0.0.1"
    insecure_no_auth: bool = False

    def load(self) -> GatewayConfig:
        """Return the config, checked whole, its plugins loaded.

        Raises:
            ConfigError: whatever is wrong, a line each.
        """
        if self.path is not None:
            config = load_config(self.path, plugins=True)
        else:
            config = config_for_model(self.model or "")
            check_routes(config)
        check_bind(config, self.host, self.insecure_no_auth)
        return config


def needs_new_start(before: GatewayConfig, after: GatewayConfig) -> list[str]:
    """Return a warning for each setting that a running server cannot change."""
    old, new = before.general, after.general
    settings = (("log.file", old.log.file, new.log.file), ("tracing", old.tracing, new.tracing))
    return [
        f"general_settings.{name} has changed; it takes effect when the server is started anew"
        for name, was, is_now in settings
        if was != is_now
    ]


class FileWatch:
    """Whether a file has changed since the last look, by its time, size and identity; no content is read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = self._state()

    def has_changed(self) -> bool:
        """Return whether it has; a file that is not there for the moment has not."""
        state = self._state()
        if state is None or state == self._seen:
            return False
        self._seen = state
        return True

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
