"""A plugin's facts about its provider, and its verdict on one parameter.

Pure data: core reads it and decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Option", "ParamRule", "ProviderInfo"]


@dataclass(frozen=True, slots=True)
class Option:
    """A value besides the key that a provider needs, such as a region or a second secret.

    It comes from `provider_options` of the call, of the client or of a gateway's deployment, else from the environment,
    else it is the default. A request to a gateway cannot set it.

    Attributes:
        name: in `provider_options`, in `Route.options` or `Route.secrets`, and in braces in URLs of `ProviderInfo`.
        env: environment variables; the first one that is set wins.
        default: None: the option may be missing, unless it is required.
        secret: it is in `Route.secrets`, and no log, error or repr shows it.
        required: a call without it is an error before anything is sent.
        help: one sentence for errors, `llmgate explain` and `llmgate plugins`.
    """

    name: str
    env: tuple[str, ...] = ()
    default: str | None = None
    secret: bool = False
    required: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """Everything that core needs to know about a provider.

    In `base_url` and `hosts`, `{name}` stands for the option of that name: `https://{region}.acme.example`.

    Attributes:
        api: the version of the plugin contract that the plugin was written for.
        name: the provider's name in errors, ledger and catalogue.
        base_url: where requests go unless the caller or the environment sets another one; empty: the plugin has no
            upstream, it serves calls itself (hook `serve`).
        env_key: the environment variable with the key, or several, of which the first one that is set wins; None for a
            provider that needs no key.
        env_base_url, env_organization, env_project: environment variables; the first one that is set wins. A base URL
            of host and port alone gets the scheme of `base_url`, and its port if it has none.
        env_key_optional: True if a missing key is not an error.
        organization_header, project_header: header names; None if the provider has none.
        operations: the operations that the plugin serves besides `create`, as `family.operation`, for example
            `responses.retrieve`; core rejects any other operation before it calls the plugin.
        headers: sent with every request, such as a version of the API.
        key_header: the header with the key.
        key_prefix: what comes before the key in it; None: `Bearer ` in `authorization`, nothing in another header.
        request_id_header: the response header with the upstream's id of a request.
        rate_limit_headers: the provider's response header -> the `x-ratelimit-...` that a gateway's clients know.
        hosts: further origins that requests may go to, such as `https://login.acme.example`; see
            `UpstreamRequest.origin`.
        domains: names under which every host is the provider's, such as `openai.acme.example` where each customer has a
            host of their own: a base URL there counts as the provider's.
        streams: False: the provider does not stream, so core sends such calls without `stream` and returns the
            answer as one burst of chunks.
        options: what the provider needs besides the key.
        expired_headers: response header -> its values that say of an error of any status that the credential has
            expired: core then fetches another one, as after a 401. A value counts up to a colon.
        cost_field: the field of `usage` in which the provider says what the call cost, in US dollars, such as `cost`.
            It holds instead of the catalogue's prices, but not of those of a gateway's deployment. Empty: none.
        only_models: family -> patterns of the names of the models that the plugin serves in it, such as `claude-*`. A
            call of another model is converted to the family that bridges this one. A family without patterns: every
            model.
    """

    api: tuple[int, int]
    name: str
    base_url: str = ""
    env_key: str | tuple[str, ...] | None = None
    env_base_url: tuple[str, ...] = ()
    env_organization: tuple[str, ...] = ()
    env_project: tuple[str, ...] = ()
    env_key_optional: bool = False
    organization_header: str | None = None
    project_header: str | None = None
    operations: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    key_header: str = "authorization"
    key_prefix: str | None = None
    request_id_header: str = "x-request-id"
    rate_limit_headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    streams: bool = True
    options: tuple[Option, ...] = ()
    expired_headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    cost_field: str = ""
    only_models: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables that may hold the key; the first one that is set wins."""
        return (self.env_key,) if isinstance(self.env_key, str) else self.env_key or ()


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
