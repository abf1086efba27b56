"""What the hooks of a plugin may return, and what else makes a `PluginError` that names the hook.

Pure. Each function returns what is wrong with a value, to be read after "hook NAME returned"; None: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, get_args

from llmgate_core.contract.form import Multipart
from llmgate_core.contract.upstream import Framing, Progress, Sleep, UpstreamRequest
from llmgate_core.errors import LLMGateError

__all__ = [
    "PROBLEMS",
    "Problem",
    "of_events",
    "of_flow",
    "of_framing",
    "of_last_pieces",
    "of_other_request",
    "of_piece",
    "of_pieces",
    "of_reported_error",
    "of_request",
    "of_step",
]

FRAMINGS: tuple[str, ...] = get_args(get_args(Framing)[0])
Problem = Callable[[Any], "str | None"]


def of_request(value: Any) -> str | None:
    """Judge a request as a plugin builds it: nothing has checked what its types promise."""
    if type(value) is not UpstreamRequest and not isinstance(value, UpstreamRequest):
        return f"{_kind(value)}, not an UpstreamRequest"
    request: Any = value
    method, path, body, headers, query = request.method, request.path, request.body, request.headers, request.query
    if not isinstance(method, str) or not method.isalpha():
        return "a request whose method is not a word"
    if not isinstance(path, str) or not path.startswith("/") or path.startswith("//"):
        return "a request whose path does not begin with one '/'"
    if not (body is None or isinstance(body, (dict, bytes, Multipart)) or hasattr(body, "content_type")):
        return f"a request whose body is {_kind(body)}, not a dict, bytes, a form or None"
    if headers != {} and not _is_headers(headers):
        return "a request whose headers are not a mapping of strings"
    if query and not _is_query(query):
        return "a request whose query is not a mapping of strings"
    is_origin = request.origin is None or isinstance(request.origin, str)
    return None if is_origin else f"a request whose origin is {_kind(request.origin)}, not a string"


def _is_headers(headers: Any) -> bool:
    return isinstance(headers, Mapping) and all(isinstance(item, str) for item in headers.values())


def of_step(value: Any) -> str | None:
    """Judge what an exchange yields."""
    if isinstance(value, Progress):
        job: Any = value.job
        return None if isinstance(job, dict) else f"a Progress of {_kind(job)}, not a dict"
    if isinstance(value, Sleep):
        seconds: Any = value.seconds
        is_time = isinstance(seconds, (int, float)) and 0 <= seconds < float("inf")
        return None if is_time else f"a Sleep of {seconds!r:.40}, not a number of seconds from 0"
    if not isinstance(value, UpstreamRequest):
        return f"{_kind(value)}, not an UpstreamRequest, a Sleep or a Progress"
    return of_request(value)


def of_other_request(value: Any) -> str | None:
    """Judge what `StreamAnswer.instead` returns."""
    return None if value is None else of_request(value)


def of_flow(value: Any) -> str | None:
    """Judge what the function of `auth` returns."""
    return None if hasattr(value, "send") else f"a function that returns {_kind(value)}, not a generator"


def of_pieces(value: Any) -> str | None:
    """Judge what a stream parser returns for one event."""
    return None if _is_list(value) else f"a parser that makes {_kind(value)} of an event, not a list of dicts"


def of_last_pieces(value: Any) -> str | None:
    """Judge what the `close()` of a stream parser returns."""
    return None if _is_list(value) else f"a parser whose close() returns {_kind(value)}, not a list of dicts such as []"


def _is_list(value: Any) -> bool:
    if type(value) is list or type(value) is tuple:
        return True
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes, Mapping, type))


def of_piece(value: Any) -> str | None:
    """Judge one chunk of a stream parser."""
    return None if isinstance(value, dict) else f"a parser that makes {_kind(value)} of an event, not dicts"


def of_events(value: Any) -> str | None:
    """Judge what a decoder of frames makes of a block."""
    if not isinstance(value, (list, tuple)):
        return f"a decoder that makes {_kind(value)} of a block, not a list of SSEEvents"
    for event in value:
        if not all(isinstance(getattr(event, name, None), str) for name in ("data", "event")):
            return f"a decoder that makes {_kind(event)} of a block, not SSEEvents whose data and event are strings"
    return None


def of_framing(value: Any) -> str | None:
    """Judge the framing of a parser."""
    is_own = not isinstance(value, (str, type)) and _has_feed_and_close(value)
    if is_own or (isinstance(value, str) and value in FRAMINGS):
        return None
    names = ", ".join(map(repr, FRAMINGS))
    return f"a parser whose framing is {value!r:.80}, not {names} or an object with feed and close"


def of_reported_error(value: Any) -> str | None:
    """Judge the error that a parser makes of an event."""
    problem = _of_error(value)
    return None if problem is None else f"a parser whose error(event) makes {problem}"


def _of_parser(value: Any) -> str | None:
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object of it: return {value.__name__}()"
    if value is None or _has_feed_and_close(value):
        return None
    return f"{_kind(value)}, which has no feed and close"


def _has_feed_and_close(value: Any) -> bool:
    return all(callable(getattr(value, name, None)) for name in ("feed", "close"))


def _of_base_url(value: Any) -> str | None:
    return None if value is None or isinstance(value, str) else f"{_kind(value)}, not a URL or None"


def _of_auth(value: Any) -> str | None:
    if value is None or callable(value):
        return None
    return of_request(value)


def _of_credentials(value: Any) -> str | None:
    is_generator = all(callable(getattr(value, name, None)) for name in ("send", "close"))
    return None if value is None or is_generator else f"{_kind(value)}, not a generator"


def _of_exchange(value: Any) -> str | None:
    return None if value is None or hasattr(value, "throw") else f"{_kind(value)}, not a generator"


def _of_error(value: Any) -> str | None:
    return None if value is None or isinstance(value, LLMGateError) else f"{_kind(value)}, not an error of llmgate's"


def _of_transport(value: Any) -> str | None:
    is_transport = value is None or hasattr(value, "asend") or (hasattr(value, "send") and not hasattr(value, "throw"))
    return None if is_transport else f"{_kind(value)}, not a transport"


def _is_query(query: Any) -> bool:
    if isinstance(query, Mapping):
        query = tuple(query.items())
    return isinstance(query, Sequence) and all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(part, (str, int, float)) for part in pair)
        for pair in query
    )


def _kind(value: Any) -> str:
    """Return the name of a value's type; of None, which a hook returns that lacks a `return`, the value itself."""
    return "None" if value is None else type(value).__name__


PROBLEMS: Mapping[str, Problem] = MappingProxyType(
    {
        "auth": _of_auth,
        "base_url": _of_base_url,
        "credentials": _of_credentials,
        "exchange": _of_exchange,
        "map_error": _of_error,
        "stream_parser": _of_parser,
        "transform_request": of_request,
        "transport": _of_transport,
    }
)
"""By hook; core judges the results of the others where it uses them."""
