"""No parameter of the API description is taken for a slip, on any operation."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate_core.endpoints.near_names import near_misses
from llmgate_core.endpoints.openai import ENDPOINTS
from llmgate_core.endpoints.parameters import OPENAI_PARAMETERS
from tests.support.openapi_description import description

NOT_OF_OPENAI = frozenset({"messages", "rerank"})
OPERATIONS = [
    (family, operation)
    for family, rows in ENDPOINTS.items()
    for operation in rows
    if family not in NOT_OF_OPENAI and operation != "count_tokens"
]


def properties(schema: Any) -> set[str]:
    while "$ref" in schema:
        schema = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    parts = (part for name in ("allOf", "anyOf", "oneOf") for part in schema.get(name, ()))
    return set(schema.get("properties", ())).union(*map(properties, parts))


@pytest.mark.parametrize(("family", "operation"), OPERATIONS)
def test_a_documented_parameter_is_no_near_miss(family: str, operation: str) -> None:
    endpoint = ENDPOINTS[family][operation]
    described = description()["operations"][f"{endpoint.method} {endpoint.path}"]
    bodies = described.get("body") or {}
    names = set(described.get("query") or ()).union(*(properties(schema) for schema in bodies.values()))
    assert near_misses(family, operation, names - {"model"}) == ()


def test_a_chat_may_have_parameters_of_messages_to_which_it_may_be_converted() -> None:
    assert near_misses("chat", "create", OPENAI_PARAMETERS["messages"]) == ()
    assert [entry.parameter for entry in near_misses("chat", "create", ["sed"])] == ["sed"]
