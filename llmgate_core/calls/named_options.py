"""A provider's options that a call gives as arguments of their own, as in `completion(..., region="eu")`.

They are the same as in `provider_options`. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmgate_core.calls.call_request import CallRequest
from llmgate_core.contract.provider import Option, ProviderInfo
from llmgate_core.endpoints.near_names import known_names
from llmgate_core.errors import bad_request
from llmgate_core.secrets import Secret
from llmgate_core.settings.foreign_arguments import refuse_unused_options
from llmgate_core.settings.options import Options
from llmgate_core.settings.provider_options import PROVIDER_OPTIONS, hidden_options

__all__ = ["with_named_options"]


def with_named_options(request: CallRequest, info: ProviderInfo, options: Options) -> Options:
    """Remove what the provider declares as an option from a request's arguments, and return the options with it.

    A name that is a parameter of the called operation stays one. The arguments of a relayed request are left alone: its
    caller gives the options of its deployment as such.

    Raises:
        BadRequestError: an option is secret, and core could not hide it from tracebacks; or an argument is an option of
            other providers. ConfigError: an option is not a string.
    """
    arguments = request.arguments
    if info.options and not request.is_relayed:
        parameters = known_names(request.family, request.operation)
        declared = {option.name: option for option in info.options if option.name not in parameters}
        named = [name for name, value in arguments.items() if value is not None and name in declared]
        if named:
            given = {name: _hidden(declared[name], arguments.pop(name), info) for name in named}
            of_call = {**(options.passed.get(PROVIDER_OPTIONS) or {}), **given}
            options = replace(options, passed={**options.passed, PROVIDER_OPTIONS: of_call})
    refuse_unused_options(arguments)
    return options


def _hidden(option: Option, value: Any, info: ProviderInfo) -> Secret | None:
    """Return the value of an option as a `Secret`, as those of `provider_options` are."""
    if option.secret and not isinstance(value, Secret):
        way_out = f"pass it as {PROVIDER_OPTIONS}={{{option.name!r}: ...}}, which no traceback shows"
        raise bad_request(
            option.name, f"{option.name!r} is a secret option of {info.name}, and was not sent: {way_out}"
        )
    hidden: Secret | None = (hidden_options({option.name: value}) or {})[option.name]
    return hidden
