"""Every family and operation is whole: an endpoint, a way to call it, types that load, modes that the catalogue has."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate_core
from llmgate_core import AsyncClient, Client
from llmgate_core.catalogue.models import Catalogue
from llmgate_core.endpoints.families import FAMILIES, FAMILY_OF_MODE
from llmgate_core.endpoints.openai import ENDPOINTS
from llmgate_core.registry.entry_points import first_party, installed_claims

ROOT = Path(llmgate_core.__file__).resolve().parents[1]
OPERATIONS = [(family, operation) for family in FAMILIES.values() for operation in family.operations]
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
each_operation = pytest.mark.parametrize(
    ("family", "operation"), OPERATIONS, ids=lambda item: getattr(item, "name", item)
)

FUNCTIONS = {
    "chat.create": "completion",
    "responses.create": "responses",
    "responses.retrieve": "get_responses",
    "responses.cancel": "cancel_responses",
    "responses.delete": "delete_responses",
    "responses.input_items": "list_input_items",
    "responses.input_tokens": "count_input_tokens",
    "responses.compact": "compact_responses",
    "text_completion.create": "text_completion",
    "embedding.create": "embedding",
    "transcription.create": "transcription",
    "translation.create": "translation",
    "speech.create": "speech",
    "image.create": "image_generation",
    "image.edit": "image_edit",
    "image.variation": "image_variation",
    "video.create": "video_generation",
    "video.retrieve": "video_status",
    "video.list": "video_list",
    "video.content": "video_content",
    "video.remix": "video_remix",
    "video.delete": "video_delete",
    "moderation.create": "moderation",
    "chat.count_tokens": "count_tokens",
    "messages.create": "messages",
    "messages.count_tokens": "count_message_tokens",
    "rerank.create": "rerank",
}
GATEWAY_ONLY = frozenset({"chat.retrieve", "chat.update", "chat.delete", "chat.list", "chat.messages"})
"""Stored chats: read back through the gateway alone."""
NOT_OF_OPENAI = frozenset({"messages", "rerank"})
"""Families of other APIs: the prefix `openai/` has none of them."""
OF_OTHER_DIALECTS = frozenset({"messages"})
"""Families whose routes another dialect of the gateway has."""


def test_every_operation_has_an_endpoint_and_every_endpoint_an_operation() -> None:
    assert {name: set(operations) for name, operations in ENDPOINTS.items()} == {
        name: set(family.operations) for name, family in FAMILIES.items()
    }


def test_no_two_operations_share_a_method_and_a_path() -> None:
    lines = [
        (endpoint.method, re.sub(r"\{\w+\}", "{}", endpoint.path))
        for operations in ENDPOINTS.values()
        for endpoint in operations.values()
    ]
    assert len(set(lines)) == len(lines)


@each_operation
def test_an_endpoint_is_written_as_the_wire_has_it(family: Any, operation: str) -> None:
    endpoint = ENDPOINTS[family.name][operation]
    assert endpoint.method in ("GET", "POST", "DELETE")
    assert re.fullmatch(r"(/[a-z_]+|/\{[a-z_]+\})+", endpoint.path)
    assert list(endpoint.names) == re.findall(r"\{(\w+)\}", endpoint.path)
    assert endpoint.has_body == (endpoint.method == "POST")
    assert set(endpoint.names).isdisjoint(endpoint.query)
    if family.operations[operation].takes_model:
        assert (endpoint.method, endpoint.names, endpoint.query) == ("POST", (), ())


@each_operation
def test_every_operation_has_a_function_and_its_twins_or_is_the_gateways(family: Any, operation: str) -> None:
    name = f"{family.name}.{operation}"
    assert (name in FUNCTIONS) != (name in GATEWAY_ONLY)
    if name in FUNCTIONS:
        function = FUNCTIONS[name]
        assert callable(getattr(llmgate_core, function))
        assert inspect.iscoroutinefunction(getattr(llmgate_core, f"a{function}"))
        assert inspect.iscoroutinefunction(getattr(AsyncClient, function))
        source = inspect.getsource(getattr(Client, function))
        assert f'"{family.name}"' in source
        assert ("operation=" in source) == (operation != "create")
        assert operation == "create" or f'operation="{operation}"' in source
        for item in family.inputs & set(inspect.signature(getattr(Client, function)).parameters):
            assert f'"{item}": {item}' in source


def test_the_list_of_functions_names_nothing_else() -> None:
    assert {*FUNCTIONS, *GATEWAY_ONLY} == {f"{family.name}.{operation}" for family, operation in OPERATIONS}
    assert set(FUNCTIONS.values()) <= set(llmgate_core.__all__)


def test_every_operation_is_a_route_of_the_gateway() -> None:
    from llmgate_gateway.dialects.openai.routes import openai_routes

    routes = openai_routes("openai")
    served = {(route.family, route.operation): route for route in routes if not route.path.startswith("/openai/")}
    operations = [
        (family, operation)
        for family, operation in OPERATIONS
        if family.name not in OF_OTHER_DIALECTS and not family.operations[operation].is_count
    ]
    assert {(family.name, operation) for family, operation in operations} <= set(served)
    for family, operation in operations:
        route, endpoint = served[family.name, operation], ENDPOINTS[family.name][operation]
        assert (route.method, route.path, route.aliases) == (endpoint.method, f"/v1{endpoint.path}", (endpoint.path,))
        assert route.names == endpoint.names


def test_every_operation_is_offered_by_an_installed_plugin() -> None:
    from importlib import import_module

    offered: set[str] = set()
    for claim in installed_claims():
        if claim.family in FAMILIES:
            module, _, name = claim.value.partition(":")
            offered |= getattr(import_module(module), name).info.operations | {f"{claim.family}.create"}
    missing = {f"{family.name}.{operation}" for family, operation in OPERATIONS} - offered
    assert {operation for operation in missing if operation.partition(".")[0] not in NOT_OF_OPENAI} == set()


@each_operation
def test_the_type_of_a_whole_answer_loads_and_keeps_what_it_does_not_know(family: Any, operation: str) -> None:
    kind = family.result_type(operation)
    assert inspect.isclass(kind)
    assert kind.__module__.startswith("llmgate_core.types.")
    assert issubclass(kind, BaseModel) != family.operations[operation].is_binary
    if issubclass(kind, BaseModel):
        assert kind.model_config.get("extra") == "allow"


@each_family
def test_the_type_of_a_chunk_loads_where_the_family_streams(family: Any) -> None:
    if family.chunk is None:
        assert not family.ends
        with pytest.raises(LookupError):
            family.chunk_type()
    else:
        assert issubclass(family.chunk_type(), BaseModel)
        assert family.chunk_type().model_config.get("extra") == "allow"


@each_family
def test_a_familys_facts_fit_each_other(family: Any) -> None:
    assert FAMILIES[family.name] is family
    assert "create" in family.operations
    assert family.files <= family.inputs
    assert family.bridged_over is None or family.bridged_over in FAMILIES
    for operation in family.operations.values():
        assert not (operation.may_lack_model and not operation.takes_model)
        assert operation.events_when is None or operation.is_binary
        assert operation.text_when is None or operation.text_when[1]


def test_the_tables_cannot_be_changed() -> None:
    for table in (FAMILIES, FAMILY_OF_MODE, ENDPOINTS, *ENDPOINTS.values()):
        with pytest.raises(TypeError):
            table["x"] = None  # type: ignore[index]


MODES_WITHOUT_FAMILY = {"batch", "file", "realtime"}
MODES_WITHOUT_ROW = {"rerank"}
"""Modes of models that only catalogues of plugins have."""


def test_the_modes_are_those_of_the_catalogue_and_of_its_schema() -> None:
    catalogue = Catalogue.shipped()
    rows = [catalogue.find(name) for name in catalogue.names()]
    modes = {row.facts["mode"] for row in rows if row is not None and "mode" in row.facts}
    assert (modes | MODES_WITHOUT_ROW) - MODES_WITHOUT_FAMILY == set(FAMILY_OF_MODE)
    schema = json.loads((ROOT / "tests" / "data" / "models.schema.json").read_text("utf-8"))
    named = set(schema["$defs"]["model"]["properties"]["mode"]["enum"])
    assert (named | MODES_WITHOUT_ROW) - MODES_WITHOUT_FAMILY == set(FAMILY_OF_MODE)


def test_every_mode_is_served_by_its_own_family_and_every_family_serves_a_mode() -> None:
    for mode, family in FAMILY_OF_MODE.items():
        assert mode in FAMILIES[family].modes
    assert set().union(*(family.modes for family in FAMILIES.values())) == set(FAMILY_OF_MODE)
    # served by the models of transcription, and by those of chat
    assert set(FAMILIES) - set(FAMILY_OF_MODE.values()) == {"translation", "messages"}


def test_the_prefix_openai_is_claimed_for_every_family_by_its_own_distribution() -> None:
    claimed = {claim.family: claim.distribution for claim in installed_claims() if claim.prefix == "openai"}
    assert set(claimed) >= set(FAMILIES) - {"text_completion", *NOT_OF_OPENAI}
    assert {family: first_party()[family]["openai"] for family in claimed if family in FAMILIES} == {
        family: name for family, name in claimed.items() if family in FAMILIES
    }


def test_every_prefix_of_ours_is_claimed_by_the_distribution_that_core_names() -> None:
    """A prefix that only core's list has is refused as not installed, where its calls could be bridged."""
    ours = {owner for prefixes in first_party().values() for owner in prefixes.values()}
    claimed = {(it.family, it.prefix): it.distribution for it in installed_claims() if it.distribution in ours}
    listed = {(family, it): owner for family, owners in first_party().items() for it, owner in owners.items()}
    assert listed == {key: owner for key, owner in claimed.items() if key[0] in FAMILIES}


@each_operation
def test_an_operation_streams_where_its_family_has_chunks_or_its_answer_is_bytes(family: Any, operation: str) -> None:
    asked = family.operations[operation]
    assert not asked.streams or family.chunk is not None or asked.is_binary
    assert asked.streams or not asked.is_binary


@each_family
def test_a_family_with_chunks_streams_what_it_creates(family: Any) -> None:
    assert family.operations["create"].streams == (family.chunk is not None)
