"""The tables of request parameters name what OpenAI's API description names, no parameter more and none less."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.endpoints.openai import ENDPOINTS
from llmgate_core.endpoints.parameters import OPENAI_INPUTS, OPENAI_PARAMETERS
from tests.support.paths import OPENAPI

DESCRIPTION: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
NOT_OF_OPENAI = frozenset({"messages", "rerank"})
"""Families of other APIs, which the description does not have."""
OURS = "count_tokens"
"""An operation that the OpenAI API does not have."""
NOT_PARAMETERS = {"model", "images"}  # `images` is how an edit of references sends the input `image`


def fields_of(schema: dict[str, Any]) -> set[str]:
    """Return the names of an object's properties, those of the schemas that it combines included."""
    if "$ref" in schema:
        return fields_of(DESCRIPTION["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    parts = [part for key in ("allOf", "anyOf", "oneOf") for part in schema.get(key, ())]
    return set(schema.get("properties", ())).union(*map(fields_of, parts))


def documented(family: str, operation: str) -> set[str]:
    endpoint = ENDPOINTS[family][operation]
    described = DESCRIPTION["operations"][f"{endpoint.method} {endpoint.path}"]
    return set(described["query"]).union(*map(fields_of, described["body"].values())) - NOT_PARAMETERS


@pytest.mark.parametrize(
    ("family", "operation"),
    [
        (family, operation)
        for family, paths in ENDPOINTS.items()
        for operation in paths
        if family not in NOT_OF_OPENAI and operation != OURS
    ],
)
def test_a_table_names_what_the_description_names(family: str, operation: str) -> None:
    key = family if operation == "create" else f"{family}.{operation}"
    inputs = {*FAMILIES[family].inputs, *OPENAI_INPUTS.get(family, ())} - set(OPENAI_PARAMETERS.get(key, ()))
    assert set(OPENAI_PARAMETERS.get(key, ())) == documented(family, operation) - inputs


def test_every_table_is_of_an_operation() -> None:
    names = {key if "." in key else f"{key}.create" for key in (*OPENAI_PARAMETERS, *OPENAI_INPUTS)}
    assert names <= {f"{family}.{operation}" for family, paths in ENDPOINTS.items() for operation in paths}
