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
    if keys and (missing := _missing_key(client, targets, params, settings if isinstance(settings, dict) else NOTHING)):
        yield missing


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


def _missing_key(
    client: AsyncClient, targets: list[ResolvedModel], params: Mapping[str, Any], settings: Mapping[str, Any]
) -> str:
    if params.get("api_key") is not None or settings.get("api_key") is not None or params.get("extra_headers"):
        return ""
    base = params.get("api_base") or settings.get("api_base")
    info = targets[0].plugin.info
    try:
        place = client.destination(targets[0], api_base=base if isinstance(base, str) else None)
    except errors.LLMGateError:
        return ""  # starting reports it
    host = urlsplit(place.base_url).hostname or ""
    if place.api_key is not None or not info.key_variables or info.env_key_optional or is_loopback(host):
        return ""
    variables = " or ".join(info.key_variables)
    return f"there is no key for the upstream, so its requests will be refused: set {variables}, or give api_key"
