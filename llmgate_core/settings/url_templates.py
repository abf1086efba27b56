"""Options in URLs: `https://{region}.acme.example` -> `https://eu.acme.example`.

Pure. A value can neither end the host nor begin a path: it has letters, digits, dots, hyphens and underscores only.

Source: RFC 3986, sections 3.2.2 and 3.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmgate_core.errors import ConfigError

__all__ = ["VALUE_IN_URL", "fill", "names_in"]

PLACE = re.compile(r"\{([^{}]*)\}")
VALUE_IN_URL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")


def names_in(template: str) -> tuple[str, ...]:
    """Return the names of the options in a URL."""
    return tuple(PLACE.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a URL with the options filled in.

    Raises:
        ConfigError: a value has characters that it cannot have in a URL.
        KeyError: an option has no value.
    """
    if "{" not in template:
        return template
    return PLACE.sub(lambda match: _checked(match[1], values[match[1]]), template)


def _checked(name: str, value: str) -> str:
    if VALUE_IN_URL.fullmatch(value) is None:
        raise ConfigError(
            f"the provider option {name!r} is part of a URL, so it may have letters, digits, '.', '-' and '_' only, "
            "with a letter, a digit or '_' at both ends (its value is not shown)"
        )
    return value
