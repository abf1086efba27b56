"""Find the prefix under which a provider serves an endpoint that its usual prefix does not serve.

A provider may have another prefix for an endpoint, as OpenAI has for text completions. A client that sends a bare name
cannot know that, and a config with a star cannot express it. So the same provider's plugin for that endpoint is chosen,
for the same host: never another provider's, and never for a model that is known to be served elsewhere. No provider is
named here: the catalogue says which prefix serves which mode.

Source: docs/gateway/configure.md, "Names and stars".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.serving import FAMILIES, errors

if TYPE_CHECKING:
    from llmgate_core import AsyncClient, Client

__all__ = ["model_for"]

USUAL = "chat"
"""The family, and the mode, whose prefix is a provider's usual one."""


def model_for(client: Client | AsyncClient, family: str, model: str, *, has_star: bool) -> str:
    """Return the model string that serves a family: `model` itself, else its provider's for that family.

    If a star of the config matched the model (`has_star`), one that the catalogue does not know may be anything;
    otherwise only a model that is known to belong to the family leaves the prefix that the config names.
    """
    try:
        client.resolve(family, model)
    except errors.BadRequestError:
        return _sibling(client, family, model, has_star=has_star) or model
    except errors.LLMGateError:
        return model  # resolving it reports the error
    return model


def _sibling(client: Client | AsyncClient, family: str, model: str, *, has_star: bool) -> str | None:
    try:
        usual = client.resolve(USUAL, model)
    except errors.LLMGateError:
        return None
    provider = usual.plugin.info.name
    if usual.prefix != client.prefix_for(provider, USUAL):
        return None  # the config asks for another of the provider's endpoints
    modes = FAMILIES[family].modes
    if (usual.row.mode not in modes) if usual.row is not None else not has_star:
        return None
    prefix = next(filter(None, (client.prefix_for(provider, mode) for mode in sorted(modes))), None)
    if prefix is None or prefix == usual.prefix:
        return None
    sibling = f"{prefix}/{usual.model}"
    try:
        info = client.resolve(family, sibling).plugin.info
    except errors.LLMGateError:
        return None
    return sibling if (info.name, info.base_url) == (provider, usual.plugin.info.base_url) else None
