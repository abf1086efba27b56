"""Record where LiteLLM sends calls of each prefix, and which variable holds the key, for tests of plugins/providers.

    python -m venv build/litellm && build/litellm/bin/pip install litellm==1.110.2
    build/litellm/bin/python tools/litellm_providers.py > plugins/providers/tests/data/litellm_providers.json

It asks `litellm.get_llm_provider` about each provider of LiteLLM's list, in an environment where the variable of a key
holds its own name, so that the answer says which one it is. It runs offline and imports nothing of llmgate.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched

MODEL = "model-of-a-test"
BASE = ("_API_BASE", "_BASE_URL", "_API_URL", "_HOST", "_URL")
SIGN_IN = frozenset({"github_copilot", "chatgpt"})
"""Prefixes for which LiteLLM would sign a person in."""
KEY = ("_KEY", "_TOKEN", "_JWT")


class Recorder:
    """Answers in the place of the environment: the value of a key's variable is its name. Notes what is read."""

    def __init__(self) -> None:
        self.read: dict[str, None] = {}

    def look_up(self, name: str, default: Any = None, *_: Any) -> Any:
        """Return the name of a variable of a key, and for any other what the caller would get without it."""
        self.read[name] = None
        return name if name.endswith(KEY) else default


def main() -> int:
    """Print the table as JSON."""
    import litellm
    from litellm.secret_managers import main as secrets

    recorder = Recorder()
    for function in (secrets.get_secret, secrets.get_secret_str):
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("litellm") and getattr(module, function.__name__, None):
                setattr(module, function.__name__, recorder.look_up)
    rows = dict(sorted(recorded(litellm, recorder)))
    json.dump({"litellm": importlib.metadata.version("litellm"), "providers": rows}, sys.stdout, indent=1)
    print()
    return 0


def recorded(litellm: Any, recorder: Recorder) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each prefix, and the host and variables of it; those that LiteLLM resolves elsewhere have no host."""
    for provider in litellm.provider_list:
        prefix = getattr(provider, "value", provider)
        if prefix in SIGN_IN:
            continue
        recorder.read.clear()
        getenv, os.getenv = os.getenv, recorder.look_up
        try:
            _, served_as, key, base = litellm.get_llm_provider(f"{prefix}/{MODEL}")
        except Exception as error:  # noqa: BLE001  # some need more than a name
            yield prefix, {"error": type(error).__name__}
            continue
        finally:
            os.getenv = getenv
        yield prefix, row(served_as, key, base, list(recorder.read))


def row(served_as: str, key: object, base: object, names: list[str]) -> dict[str, Any]:
    """Return what was found out about a prefix."""
    url = urlsplit(base) if isinstance(base, str) else None
    found: dict[str, Any] = {} if served_as is None else {"served_as": served_as}
    if url is not None and url.hostname:
        found |= {"host": url.hostname, "base_url": base}
    if isinstance(key, str) and key in names:
        found["key"] = key
    return found


if __name__ == "__main__":
    sys.exit(main())
