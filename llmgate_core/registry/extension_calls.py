"""Call the hooks of extensions, so that what they raise or return wrongly has their name.

Source: docs/plugins/extensions.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmgate_core.errors import APIError
from llmgate_core.registry.extensions import ExtensionHook
from llmgate_core.registry.guards import BODY_CHECK_VARIABLE, guarded
from llmgate_core.registry.hook_mistakes import copy_of
from llmgate_core.registry.hook_results import Problem
from llmgate_core.settings.environment import read

__all__ = ["guarded_hook"]


def guarded_hook(hook: ExtensionHook, problem_of: Problem | None = None, *, is_answered: bool = False) -> ExtensionHook:
    """Return a hook whose faults are a `PluginError`, and whose refusals say which extension refuses.

    Args:
        hook: of an extension.
        problem_of: says what is wrong with a result.
        is_answered: the upstream has answered, so that a refusal is not worth another try.
    """
    function = hook.function if read(BODY_CHECK_VARIABLE) is None else _checks_values(hook)
    call = guarded(hook.extension, hook.name, function, problem_of)

    def refusing(*values: Any) -> Any:
        try:
            return call(*values)
        except APIError as error:
            raise hook.extension.refusal(error, is_answered=is_answered) from error.__cause__

    return ExtensionHook(hook.extension, hook.name, refusing)


def _checks_values(hook: ExtensionHook) -> Callable[..., Any]:
    """Wrap a hook: to change the call's body or the answer in place is a `PluginError`.

    What rewrites a call returns another body; what it changes in place, the caller's own messages keep.
    """

    def call(*values: Any) -> Any:
        before = [copy_of(_json_of(value)) for value in values]
        returned = hook.function(*values)
        for value, copy in zip(values, before, strict=True):
            if _json_of(value) != copy:
                what = "the answer" if isinstance(value, dict) else "call.body"
                raise hook.extension.error(hook.name, f"hook {hook.name} changed {what}; return a new dict instead")
        return returned

    return call


def _json_of(value: Any) -> Any:
    """Return what an argument of a hook holds that a hook may read and must not change; None: nothing."""
    return value if isinstance(value, dict) else getattr(value, "body", None)
