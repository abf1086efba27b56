"""How to install a distribution on this machine: by its name, or from the checkout that core was installed from.

Source: PyPA specifications, "Recording the Direct URL Origin of installed distributions" (PEP 610).
"""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["install_command"]

CORE = "llmgate-core"


def install_command(distribution: str, extra: str = "") -> str:
    """Return the pip command that installs a distribution.

    Args:
        distribution: its name, such as `llmgate-openai-chat`.
        extra: the extra to install with it; empty: none.

    Returns:
        A command with the distribution's name, or with its folder if core was installed from a checkout that has it.
        The folder is relative to the checkout: clients of a gateway may see it in an error, but not where it is.
    """
    folder, checkout = _folder_of(distribution), _checkout_on(tuple(sys.path))
    is_in_checkout = checkout is not None and (checkout / folder).is_dir()
    requirement = folder if is_in_checkout else distribution
    return f"pip install '{requirement}[{extra}]'" if extra else f"pip install {requirement}"


def _folder_of(distribution: str) -> str:
    """Return the folder of a first-party distribution in a checkout; other distributions have none."""
    if distribution == CORE:
        return "."
    return f"./plugins/{distribution.removeprefix('llmgate-').replace('-', '_')}"


@lru_cache(maxsize=8)
def _checkout_on(_path: tuple[str, ...]) -> Path | None:
    """Return the folder that core was installed from; None: not from a folder. Read once per `sys.path`."""
    # Both take long to import, and only errors need them.
    from urllib.request import url2pathname

    from importlib_metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution(CORE).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return None
    url = urlsplit(origin.get("url", ""))
    return Path(url2pathname(url.path)) if "dir_info" in origin and url.scheme == "file" else None
