"""Read what the upstream sent, in which every field may have any type: what is wrong counts as missing. Pure."""

from __future__ import annotations

from typing import Any

__all__ = ["objects"]


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list of the upstream's; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
