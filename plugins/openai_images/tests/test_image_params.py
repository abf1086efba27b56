"""What the image endpoints take, by the value table and by the shipped catalogue's rows."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from llmgate_openai_images import plugin

from llmgate_core.plugin import ParamRule, Route, decode

ROWS = decode((files("llmgate_core") / "catalogue" / "data" / "openai.json").read_bytes())["models"]


def judged(model: str, param: str, value: Any, **beside: Any) -> bool:
    """Return whether the model takes the value, beside the other parameters."""
    route = Route("openai", "openai", "image", model, "https://api.openai.com/v1", facts=ROWS.get(model))
    rule = plugin.supports_param(route, param, value)
    if rule is None:
        return True
    assert isinstance(rule, ParamRule)
    assert rule.reason
    assert rule.source
    return rule.supported or (rule.applies is not None and not rule.applies({**beside, param: value}))


@pytest.mark.parametrize(
    ("param", "good", "bad"),
    [
        ("n", [1, 10, None], [0, 11, "1", 1.5]),
        ("quality", ["low", "medium", "high", "auto"], ["standard", "hd", "best"]),
        ("background", ["opaque", "auto"], ["blue"]),
        ("output_format", ["png", "jpeg", "webp"], ["gif"]),
        ("output_compression", [100], [101, -1, "50"]),
        ("moderation", ["low", "auto"], ["high"]),
        ("input_fidelity", ["high", "low"], ["medium"]),
        ("partial_images", [0], [4, -1, True]),
        ("size", ["1536x864", "auto"], [1024]),
        ("stream", [True], ["true"]),
        ("response_format", [], ["url", "b64_json"]),
        ("style", [], ["vivid"]),
        ("brand_new", [object()], []),
    ],
)
def test_values_are_judged_by_the_description(param: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not judged("gpt-image-2", param, value)] == []
    assert [value for value in bad if judged("gpt-image-2", param, value)] == []


@pytest.mark.parametrize(
    ("model", "param", "value", "is_taken"),
    [
        ("gpt-image-1", "size", "1536x864", False),
        ("gpt-image-1.5", "size", "1536x1024", True),
        ("gpt-image-2-2026-04-21", "size", "1536x864", True),
        ("gpt-image-1-mini", "input_fidelity", "high", False),
        ("gpt-image-1", "input_fidelity", "high", True),
        ("gpt-image-2.5-flare", "style", "vivid", False),  # the API's description has it for dall-e-3 alone
        ("dall-e-3", "response_format", "url", True),
        ("your-own-model", "quality", "best", True),
    ],
)
def test_each_model_takes_its_own_parameters(model: str, param: str, value: Any, is_taken: bool) -> None:
    assert judged(model, param, value) is is_taken


@pytest.mark.parametrize(
    ("param", "value", "beside", "is_taken"),
    [
        ("partial_images", 2, {"stream": True}, True),
        ("partial_images", 2, {}, False),
        ("background", "transparent", {"output_format": "webp"}, True),
        ("background", "transparent", {}, True),
        ("background", "transparent", {"output_format": "jpeg"}, False),
        ("output_compression", 50, {"output_format": "jpeg"}, True),
        ("output_compression", 50, {}, False),
        ("output_compression", 100, {}, True),
    ],
)
def test_what_another_parameter_rules_out_is_refused(
    param: str, value: Any, beside: dict[str, Any], is_taken: bool
) -> None:
    assert judged("gpt-image-2", param, value, **beside) is is_taken
