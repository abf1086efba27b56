"""What a program may ask of the catalogue about a model. No request is made.

Source: docs/guide/models.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmgate_core.catalogue.description import ModelDescription, described
from llmgate_core.client.functions import default_client
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import bad_request
from llmgate_core.registry.router import split_prefix

if TYPE_CHECKING:
    from llmgate_core.client.base import BaseClient

__all__ = ["model_facts", "supports"]


def model_facts(model: str, *, client: BaseClient | None = None) -> ModelDescription | None:
    """Return what the catalogue knows of a model: limits, capabilities, prices; None: it has no row for it.

    Args:
        model: a model string, such as `openai/gpt-4o`, or a name that the catalogue knows, such as `gpt-4o`.
        client: whose plugins and catalogue files count; None: those of the module functions.

    Raises:
        BadRequestError: `model` is not a string. PluginError: the plugin of its prefix cannot be used.
    """
    if not isinstance(model, str):
        raise bad_request("model", f"model must be a string such as 'openai/gpt-4o', not {model!r:.80}")
    preparer = (client or default_client()).preparer
    for prefix, _ in split_prefix(model):
        family = next((family for family in FAMILIES if preparer.plugins.knows(family, prefix)), None)
        if family is not None:
            target = preparer.router.resolve(family, model)
            return None if target.row is None else described(target.row, prefix)
    row = preparer.catalogue.find(model)
    return None if row is None else described(row, row.prefix)


def supports(model: str, capability: str, *, client: BaseClient | None = None) -> bool | None:
    """Return whether a model has a capability, such as `vision` or `function_calling`; None: not known.

    Args:
        model: as for `model_facts`.
        capability: docs/guide/models.md lists them all.
        client: as for `model_facts`.

    Raises:
        ConfigError: there is no such capability. Otherwise as `model_facts`.
    """
    description = model_facts(model, client=client) or ModelDescription(str(model), "", "")
    return description.supports(capability)
