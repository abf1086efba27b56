"""What replaces a secret where a call is shown and not sent: the name of the variable that has it."""

from __future__ import annotations

from llmgate_core.contract.provider import Option, ProviderInfo
from llmgate_core.settings.environment import first_set

__all__ = ["key_variable", "secret_variable", "stand_in"]

PREFIXES = ("LLMGATE_VALUE_OF_", "LLMGATE_OTHER_VALUE_OF_")


def stand_in(variable: str, variant: int = 0) -> str:
    """Return a string that no encoding of a URL, a form or JSON changes; there are two for each variable."""
    return f"{PREFIXES[variant]}{variable}"


def key_variable(info: ProviderInfo) -> str:
    """Return the variable that has the key of a provider, or that could have it."""
    return _first(info.key_variables, "API_KEY")


def secret_variable(info: ProviderInfo, option: Option) -> str:
    """Return the variable that has a secret option of a provider, or that could have it."""
    own = "".join(character if character.isalnum() else "_" for character in info.name.upper())
    return _first(option.env, f"{own}_{option.name.upper()}")


def _first(variables: tuple[str, ...], otherwise: str) -> str:
    for variable in variables:
        if first_set((variable,)) is not None:
            return variable
    return variables[0] if variables else otherwise
