"""What a plugin says of its provider, and of one parameter.

Pure data: core reads it, nothing here decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["ParamRule", "ProviderInfo"]


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """Static facts of a plugin; everything that core must know of a provider.

    Attributes:
        api: version of the contract that the plugin was written for.
        name: the provider's name in errors, ledger and catalogue.
        base_url: where requests go unless the caller or the environment says otherwise.
        env_key: environment variable with the key; None for a provider that takes no key.
        env_base_url, env_organization, env_project: variables to look at, the first one set wins.
        env_key_optional: True where a missing key is no error.
        organization_header, project_header: header names, None where the provider has none.
        operations: what the plugin serves besides `create`, as `family.operation`, for example
            `responses.retrieve`; core refuses any other operation before the plugin is asked.
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
    """What `supports_param` knows of one parameter and value.

    Without any field it says: supported as given. `reason` and `source` go into the ledger
    or the error message, so write them for the caller: what is wrong and the way out.

    Attributes:
        supported: False: policy decides between error, drop and forward.
        reason, source: why, and where that is known from.
        rename: send under this name instead.
        replace: send this value instead (`None`: send nothing). Set `replaces=True` with it.
        droppable: False: without it the call would be another one, so the policy `drop` is an error too.
        lossy: what `rename` or `replace` does loses something that the caller asked for.
        keep_local: not sent, by design and not as a loss; observers still see it.
        applies: the rule holds only when this is true of the whole body; None: always.
        otherwise: the rule that holds when `applies` is false; None: supported as given.
    """

    supported: bool = True
    reason: str = ""
    source: str = ""
    rename: str | None = None
    replace: Any = None
    replaces: bool = False
    droppable: bool = True
    lossy: bool = False
    keep_local: bool = False
    applies: Callable[[Mapping[str, Any]], bool] | None = None
    otherwise: ParamRule | None = None
