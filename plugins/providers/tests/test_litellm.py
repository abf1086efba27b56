"""Our rows and LiteLLM agree on where a prefix leads and which variable holds its key, but for the differences below.

`data/litellm_providers.json` is recorded by `tools/litellm_providers.py`, offline.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest
from llmgate_providers.row import Row
from llmgate_providers.rows import row_names, shipped_row

RECORDED = json.loads(Path(__file__).with_name("data").joinpath("litellm_providers.json").read_text("utf-8"))
LITELLM: dict[str, dict[str, Any]] = RECORDED["providers"]
OURS: dict[str, Row] = {prefix: row for name in row_names() for row in [shipped_row(name)] for prefix in row.prefixes}
BOTH = sorted(OURS.keys() & LITELLM.keys())

DIFFERENCES = MappingProxyType(
    {
        ("github", "host"): "GitHub has moved its models to models.github.ai; LiteLLM has the old host",
        ("mistral", "key"): "LiteLLM reads MISTRAL_AZURE_API_KEY first, a key for Mistral's models on Azure, which are "
        "not at this host",
    }
)
"""(Prefix, fact) -> why ours is another one."""


def ours_of(prefix: str, fact: str) -> set[str]:
    row = OURS[prefix]
    return {str(urlsplit(row.base_url).hostname)} if fact == "host" else set(row.env_key)


def test_enough_prefixes_are_compared() -> None:
    assert len(BOTH) > 100
    assert sum("host" in LITELLM[prefix] for prefix in BOTH) > 70
    assert sum("key" in LITELLM[prefix] for prefix in BOTH) > 70


@pytest.mark.parametrize("fact", ["host", "key"])
def test_what_differs_from_litellm_has_a_reason(fact: str) -> None:
    differing = {
        (prefix, fact)
        for prefix in BOTH
        if fact in LITELLM[prefix] and LITELLM[prefix][fact] not in ours_of(prefix, fact)
    }
    assert differing == {difference for difference in DIFFERENCES if difference[1] == fact}
