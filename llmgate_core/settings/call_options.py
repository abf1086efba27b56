"""The options that every function takes besides the request: their names, types and meaning.

`options` reads them, `client/arguments.py` builds the typed arguments of each function on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import httpx

    from llmgate_core.contract.limits import Timeouts
    from llmgate_core.secrets import Secret

__all__ = ["OPTION_NAMES", "CallOptions"]


class CallOptions(TypedDict, total=False):
    """Options of a call. None of them is sent as a parameter. An option that is None or left out is not set.

    Where a client and a setting have the same name, the call's option wins, then the client's, then the setting.

    Source: docs/guide/options.md.
    """

    api_key: str | Secret | None
    """The provider's key. Not set anywhere: the environment variable that the plugin names."""

    api_base: str | None
    """The base URL, as in `https://your-host/v1`. Not set anywhere: the environment, then the provider's own."""

    organization: str | None
    """Sent as `OpenAI-Organization`; an empty string sends none, whatever the environment says."""

    project: str | None
    """Sent as `OpenAI-Project`; an empty string sends none, whatever the environment says."""

    provider_options: Mapping[str, str | Secret] | None
    """What the provider needs besides the key, by the names that its plugin declares, such as `{"region": "eu"}`."""

    base_model: str | None
    """The model of the catalogue that the call's model is, if its name does not say so, as of a deployment: for facts
    and prices. Nothing of it is sent."""

    timeout: float | Timeouts | httpx.Timeout | None
    """Seconds for the whole call, retries and the whole stream included, or a `Timeouts`."""

    max_retries: int | None
    """Further attempts after a temporary failure, from 0."""

    extra_headers: Mapping[str, str] | None
    """Headers that win over ours."""

    extra_body: Mapping[str, Any] | None
    """Merged last into the body, unchecked; also for parameters that the typed signatures do not have."""

    client_session: Any
    """An `httpx.Client` or `httpx2.Client` for synchronous calls; never closed by llmgate."""

    aclient_session: Any
    """An `httpx.AsyncClient` or `httpx2.AsyncClient` for asynchronous calls; never closed by llmgate."""

    drop_params: bool | None
    """True: as `param_policy="drop"`; False: as `"error"`."""

    additional_drop_params: Sequence[str] | None
    """Names of parameters that are always dropped."""

    param_policy: Literal["error", "drop", "forward"] | None
    """What happens to a parameter that the model is known not to take."""

    fake_stream: bool | None
    """With `stream=True`: request the whole answer and return it as one burst of chunks."""

    use_chat_completions_api: bool | None
    """Of `responses`: serve the call through the chat endpoint."""

    wait: bool | None
    """Of jobs (videos, background responses): return when the job has ended."""

    poll_seconds: float | None
    """With `wait`: seconds between two polls, from 0. Not set: the plugin's."""

    on_progress: Callable[[Any], object] | None
    """With `wait`: called with the job, a dict, after every poll. An exception ends the call."""


OPTION_NAMES = frozenset(CallOptions.__annotations__)
"""The names of the options above."""
