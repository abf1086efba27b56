"""Whatever takes a config takes the name of a file, a mapping, or a config that is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from llmgate_gateway import ConfigProblems, GatewayConfig, GatewayTransport, Operations, create_app, load_config

CONTENT = {"model_list": [{"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "sk-0123456789abcdef"}}]}
TAKERS: dict[str, Callable[[Any], Any]] = {
    "create_app": create_app,
    "Operations": lambda source: Operations(source).app(source),
    "GatewayTransport": lambda source: source,
}


@pytest.fixture(params=["name", "path", "mapping", "config"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(CONTENT))
    return {"name": str(file), "path": file, "mapping": CONTENT, "config": load_config(CONTENT)}[request.param]


@pytest.mark.parametrize("taker", TAKERS)
def test_a_gateway_is_made_of_any_source(taker: str, source: Any) -> None:
    with httpx.Client(transport=GatewayTransport(TAKERS[taker](source)), base_url="http://localhost") as client:
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["m"]


def test_load_config_takes_a_mapping_with_its_variables() -> None:
    content = {"model_list": [{"model_name": "m", "params": {"model": "openai/gpt-4o", "api_key": "os.environ/K"}}]}
    config = load_config(content, environment={"K": "sk-0123456789abcdef"}, plugins=True)
    assert isinstance(config, GatewayConfig)
    key = config.deployments[0].params.api_key
    assert key is not None
    assert key.reveal() == "sk-0123456789abcdef"


@pytest.mark.parametrize("taker", TAKERS)
def test_a_wrong_source_is_an_error_that_says_what_is_taken(taker: str) -> None:
    with pytest.raises(TypeError, match="mapping"):
        GatewayTransport(TAKERS[taker](7))
    with pytest.raises(ConfigProblems, match="model_list"):
        GatewayTransport(TAKERS[taker]({"model_lst": []}))
