"""Names of functions that Gemini takes.

Pure.

Source: google-genai 3.6.1, `FunctionDeclaration.name`: a letter or underscore, then letters, digits, underscores, dots,
colons and dashes, at most 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate_core.plugin import NameRule, ToolNames, function_names

__all__ = ["names_of"]

RULE = NameRule("A-Za-z0-9_.:-", 128, start="A-Za-z_")


def names_of(body: Mapping[str, Any]) -> ToolNames:
    """Return the names of the functions that a call declares."""
    return ToolNames(function_names(body), RULE)
