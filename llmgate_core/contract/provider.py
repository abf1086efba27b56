"""A plugin's facts about its provider, and its verdict on one parameter.

Pure data: core reads it and decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ParamRule", "ProviderInfo"]


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """Everything that core needs to know about a provider.

    Attributes:
        api: the version of the plugin contract that the plugin was written for.
        name: the provider's name in errors, ledger and catalogue.
        base_url: where requests go unless the caller or the environment sets another one.
        env_key: the environment variable with the key; None for a provider that needs no key.
        env_base_url, env_organization, env_project: environment variables; the first one that is set wins.
        env_key_optional: True if a missing key is not an error.
        organization_header, project_header: header names; None if the provider has none.
        operations: the operations that the plugin serves besides `create`, as `family.operation`, for example
            `responses.retrieve`; core rejects any other operation before it calls the plugin.
    """

    api: tuple[int, int]
    name: str
    base_url: str
    env_key: str | None = None
    env_base_url: tuple[str, ...] = ()
    env_organization: tuple[str, ...] = ()
    env_project: tuple[str, ...] = ()
    env_key_optional: bool = False
    organization_header: str | None = None
    project_header: str | None = None
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ParamRule:
    """The verdict of `supports_param` on one parameter and its value.

    The default means: supported as given. `reason` and `source` appear in the ledger or the error
    message, so write them for the caller: what is wrong and what to do about it.

    Attributes:
        supported: if False, the policy decides between `error`, `drop` and `forward`.
        reason: why. source: the document that says so.
        rename: send under this name instead.
        replace: send this value instead; None: send nothing. Takes effect only with `replaces=True`.
        droppable: if False, dropping it would change the meaning of the call, so the policy `drop` raises too.
        option: an option of the call by which the upstream is asked in another way, such as `fake_stream`; it is named
            in the error.
        lossy: `rename` or `replace` loses something that the caller asked for.
        keep_local: not sent, by design and without loss; observers still see it.
        applies: the rule holds only if this function returns True for the whole body; None: always.
        otherwise: the rule that holds if `applies` returns False; None: supported as given.
    """

    supported: bool = True
    reason: str = ""
    source: str = ""
    rename: str | None = None
    replace: Any = None
    replaces: bool = False
    droppable: bool = True
    option: str = ""
    lossy: bool = False
    keep_local: bool = False
    applies: Callable[[Mapping[str, Any]], bool] | None = None
    otherwise: ParamRule | None = None
