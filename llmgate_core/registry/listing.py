"""Ask a plugin which models it serves. It answers from its own data: no upstream is asked."""

from __future__ import annotations

from llmgate_core.contract.call import Route
from llmgate_core.errors import LLMGateError
from llmgate_core.registry.bound_plugin import BoundPlugin

__all__ = ["listed_models"]


def listed_models(plugin: BoundPlugin, family: str, prefix: str) -> tuple[str, ...]:
    """Return the model strings that a plugin lists for a family, its prefix included; none where it lists or says none.

    A plugin that fails is reported elsewhere: by `llmgate plugins`, and by the first call.
    """
    if plugin.list_models is None:
        return ()
    try:
        names = plugin.list_models(Route(plugin.info.name, prefix, family, "", plugin.info.base_url))
    except LLMGateError:
        return ()
    return tuple(f"{prefix}/{name}" for name in names or ())
