"""Warn of a deployment that would fail at its first request, by what the catalogue and its plugin say.

Imports the plugin of the model. Opens no socket.

Source: `status`, `shutdown_date` and `mode` of the catalogue's rows; docs/gateway/configure.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmgate_core.serving import FAMILY_OF_MODE, ResolvedModel, errors
from llmgate_gateway.config.provider_prefixes import model_for
from llmgate_gateway.config.schema.fields import is_loopback

if TYPE_CHECKING:
    from llmgate_core import AsyncClient

__all__ = ["model_warnings"]

TEXT_MODES = frozenset({"chat", "responses", "completion"})
"""Modes whose endpoints one model may serve together, or one plugin over another."""
NOTHING: Mapping[str, Any] = {}


def model_warnings(
    client: AsyncClient, families: Iterable[str], entry: Mapping[str, Any], settings: Any, *, keys: bool
) -> Iterator[str]:
    """Yield what is wrong with an entry whose model resolves.

    Args:
        client: has the config's policy and catalogue.
        families: those that a plugin serves the model for.
        entry: of `model_list`, in our spelling.
        settings: the section `settings`, which may be malformed.
        keys: whether to look for the upstream's key.
    """
    params = entry["params"]
    model = params["model"]
    targets = [client.resolve(family, model_for(client, family, model, has_star="*" in model)) for family in families]
    if "*" not in model:
        yield from _of_row(targets[0], entry.get("model_info"))
    if keys:
        yield from _missing(client, targets[0], params, settings if isinstance(settings, dict) else NOTHING)


def _of_row(target: ResolvedModel, info: Any) -> Iterator[str]:
    row = target.row
    if row is None:
        return
    if row.facts.get("status") == "retired":
        shutdown = row.facts.get("shutdown_date")
        when = f", on {shutdown}" if shutdown else ""
        yield f"the catalogue says that {row.name!r} was shut down{when}, so its requests will fail"
    mode = info.get("mode") if isinstance(info, dict) else None
    if FAMILY_OF_MODE.get(row.mode) is None:
        yield f"the catalogue knows {row.name!r} as a model of mode {row.mode}, which the gateway does not serve"
    elif mode is None and target.family == "chat" and row.mode not in TEXT_MODES:
        yield (
            f"the catalogue knows {row.name!r} as a model of mode {row.mode}: with model_info.mode: {row.mode} the "
            "gateway refuses other requests for it, which now go upstream and fail there"
        )
    elif isinstance(mode, str) and _other_endpoint(mode, row.mode):
        yield f"model_info.mode is {mode}, and the catalogue knows {row.name!r} as a model of mode {row.mode}"


def _other_endpoint(mode: str, known: str) -> bool:
    """Return whether two modes mean different endpoints; one of a model may serve both chat and responses."""
    return mode != known and not {mode, known} <= TEXT_MODES and FAMILY_OF_MODE.get(mode) is not None


def _missing(
    client: AsyncClient, target: ResolvedModel, params: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[str]:
    """Yield what the upstream needs and does not get."""
    info, given = target.plugin.info, params.get("provider_options") or NOTHING
    base = params.get("api_base") or settings.get("api_base")
    names = {option.name for option in info.options}
    own = {name: value for name, value in given.items() if name in names} if isinstance(given, Mapping) else {}
    try:
        place = client.destination(
            target, api_base=base if isinstance(base, str) else None, provider_options=own or None
        )
    except errors.ConfigError as error:
        if info.options:
            yield str(error)
        return  # starting reports the rest
    except errors.LLMGateError:
        return  # as well
    for option in info.options:
        if option.required and option.name not in place.options and option.name not in place.secrets:
            way_out = f"set {' or '.join(option.env)}, or give it" if option.env else "give it"
            yield (
                f"the plugin needs the option {option.name!r}, so requests will fail: {way_out} under provider_options"
            )
    has_key = place.api_key is not None or any(part.get("api_key") is not None for part in (params, settings))
    if has_key or params.get("extra_headers") or not info.key_variables or info.env_key_optional:
        return
    if not is_loopback(urlsplit(place.base_url).hostname or ""):
        variables = " or ".join(info.key_variables)
        yield f"there is no key for the upstream, so its requests will be refused: set {variables}, or give api_key"
