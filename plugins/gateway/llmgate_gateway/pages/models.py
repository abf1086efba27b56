"""The list of the models that a caller may use, and the description of one.

Source: the OpenAI API reference, "Models".
"""

from __future__ import annotations

from collections.abc import Mapping

from llmgate_gateway.calls.deployments import Deployments
from llmgate_gateway.dialects.contract import Dialect
from llmgate_gateway.http.caller import Caller
from llmgate_gateway.http.responses import Reply

__all__ = ["models_reply"]


def models_reply(caller: Caller, deployments: Deployments, dialect: Dialect, ids: Mapping[str, str]) -> Reply:
    """Return the models that a caller may use, in the format of a dialect; the one that `ids` names, if any.

    Raises:
        RefusedError: 404: there is no such model, or the caller may not use it.
    """
    if not ids:
        return dialect.model_list([name for name in deployments.listed_names if caller.may_use(name)])
    name = ids["model"]
    if not caller.may_use(name) or not deployments.serves(name):
        raise deployments.unknown_model(name, caller)
    return dialect.model(name)
