"""What POST /embeddings takes."""

from __future__ import annotations

from typing import Any

import pytest
from llmgate_openai_embeddings import plugin

from llmgate_core.plugin import ParamRule, Route

FACTS = {name: {"mode": "embedding"} for name in ("text-embedding-3-small", "text-embedding-ada-002")}


def judged(model: str, param: str, value: Any) -> ParamRule | bool | None:
    facts = FACTS.get(model)
    return plugin.supports_param(
        Route("openai", "openai", "embedding", model, "https://x.example/v1", facts=facts), param, value
    )


@pytest.mark.parametrize("model", ["text-embedding-3-small", "text-embedding-ada-002"])
@pytest.mark.parametrize(
    ("param", "good", "bad"),
    [
        ("encoding_format", ["float", "base64", None], ["hex", 1]),
        ("dimensions", [1, 256], [0, 1.5, True, "256"]),
        ("user", ["user-1"], [1]),
        ("brand_new", [object], []),
    ],
)
def test_values_are_judged_by_the_description(model: str, param: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if judged(model, param, value) is not None] == []
    for value in bad:
        rule = judged(model, param, value)
        assert isinstance(rule, ParamRule)
        assert (rule.supported, rule.source) == (False, "OpenAI API reference")


def test_a_model_that_the_catalogue_does_not_hold_is_not_judged() -> None:
    assert judged("your-model-name", "dimensions", 0) is None
