"""Import what an entry point names, if the lock of plugins allows it: all code of plugins enters the process here."""

from __future__ import annotations

import importlib
from typing import Any

from llmgate_core.contract.provider import ProviderInfo
from llmgate_core.errors import LLMGateError, PluginLoadError
from llmgate_core.registry.bound_plugin import load_error
from llmgate_core.registry.entry_points import PluginEntryPoint, claim_mistakes
from llmgate_core.registry.plugin_lock import info_refusal, refusal_now
from llmgate_core.settings.near_name import near_name

__all__ = ["check_info", "import_claim", "load_claim", "refused"]


def load_claim(claim: PluginEntryPoint) -> Any:
    """Import the object that an entry point names, if the lock of plugins allows it. All code of plugins enters here.

    Raises:
        PluginLoadError: it cannot be imported, or the lock forbids it. ConfigError: the lock cannot be read.
    """
    if (reason := refusal_now(claim.distribution) or claim_mistakes().get(claim)) is not None:
        raise refused(claim, reason)
    return import_claim(claim)


def import_claim(claim: PluginEntryPoint) -> Any:
    """Import the object that an entry point names, whatever the lock says: to write a lock.

    Raises:
        PluginLoadError: it cannot be imported.
    """
    module, _, path = claim.value.partition(":")
    try:
        target: Any = importlib.import_module(module)
        for attribute in filter(None, path.split(".")):
            if not hasattr(target, attribute):
                raise refused(claim, _no_attribute(claim, target, attribute))
            target = getattr(target, attribute)
    except LLMGateError:
        raise
    except (Exception, SystemExit) as error:
        raise refused(claim, f"{claim.value} cannot be imported: {type(error).__name__}: {error}") from error
    return target


def _no_attribute(claim: PluginEntryPoint, target: object, attribute: str) -> str:
    near = near_name(attribute, [name for name in dir(target) if not name.startswith("_")])
    hint = f"; did you mean {near!r}?" if near else ""
    return f"{claim.value} cannot be imported: {type(target).__name__} {_name_of(target)} has no {attribute!r}{hint}"


def _name_of(target: object) -> str:
    return str(getattr(target, "__name__", "object"))


def refused(claim: PluginEntryPoint, reason: str) -> PluginLoadError:
    """Return the error for a claim that cannot be used."""
    return load_error(reason, name=claim.value, distribution=claim.distribution, version=claim.version)


def check_info(claim: PluginEntryPoint, info: object) -> None:
    """Raise if the provider names a host or a variable that the lock of plugins does not have."""
    reason = info_refusal(claim.distribution, info) if isinstance(info, ProviderInfo) else None
    if reason is not None:
        raise refused(claim, reason)
