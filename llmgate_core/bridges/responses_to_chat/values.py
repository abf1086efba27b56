"""The bridge's name in the ledger. Data."""

from __future__ import annotations

__all__ = ["SOURCE"]

SOURCE = "bridge: a Responses call over chat"
