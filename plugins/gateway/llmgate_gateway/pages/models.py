"""The list of the models that a caller may use, and the description of one.

Source: the OpenAI API reference, "Models".
"""

from __future__ import annotations

from collections.abc import Mapping

from llmgate_gateway.calls.deployments import Deployments
from llmgate_gateway.dialects.contract import Dialect, RecognizedDialect
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import Reply

__all__ = ["models_reply"]


def models_reply(
    caller: Caller, deployments: Deployments, dialect: Dialect, ids: Mapping[str, str], query: bytes = b""
) -> Reply:
    """Return the models that a caller may use, in the format of a dialect; the one that `ids` names, if any.

    Raises:
        RefusedError: 404: there is no such model, or the caller may not use it; 400: the query is not valid.
    """
    if not ids:
        names = [name for name in deployments.listed_names if caller.may_use(name)]
        return dialect.model_page(names, query) if isinstance(dialect, RecognizedDialect) else dialect.model_list(names)
    name = ids["model"]
    if not caller.may_use(name) or not deployments.serves(name):
        raise deployments.unknown_model(name, caller)
    return dialect.model(name)
