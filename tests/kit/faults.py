"""Ways to break the reference plugin, each with the check that finds it.

Each fault is a mistake that an author can make; `docs/plugins/kit-faults.md` is written from this table.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from llmgate_core.plugin import UpstreamRequest, errors, hookimpl
from tests.kit.quill import Quill, QuillStream

log = logging.getLogger("llmgate.quill")


@dataclass(frozen=True)
class Fault:
    """One mistake: the check that must find it, what it is, and the broken plugin."""

    check: str
    what: str
    make: Callable[[], Any]


FAULTS: dict[str, Fault] = {}


def fault(check: str, what: str) -> Callable[[type], type]:
    """Add a class to the table: a plugin, or a parser with which the plugin reads streams."""

    def add(kind: type) -> type:
        is_parser = issubclass(kind, QuillStream)
        FAULTS[kind.__name__] = Fault(check, what, (lambda: with_parser(kind)) if is_parser else kind)
        return kind

    return add


def with_parser(kind: type[QuillStream]) -> Quill:
    """Return the reference plugin with another parser."""

    @hookimpl
    def stream_parser(self: Quill, call: Any, route: Any, response: Any) -> QuillStream:
        wants = call.body.get("stream_options")
        return kind(self, isinstance(wants, Mapping))

    plugin: Quill = type("Broken", (Quill,), {"stream_parser": stream_parser})()
    return plugin


# --- requests ---


@fault("test_request_has_everything", "the system message is left out")
class NoSystem(Quill):
    def turns_of(self, messages, route):
        return "", super().turns_of(messages, route)[1]


@fault("test_request_has_everything", "only the last message is sent")
class OnlyTheLast(Quill):
    def turns_of(self, messages, route):
        system, turns = super().turns_of(messages, route)
        return system, turns[-1:]


@fault("test_tool_results", "the results of functions are left out")
class NoToolResults(Quill):
    def result_of(self, message, route):
        return {**super().result_of(message, route), "text": ""}


@fault("test_tool_results", "results of functions have no id of their call")
class NoCallIds(Quill):
    def result_of(self, message, route):
        return {**super().result_of(message, route), "of": "call_1"}

    def call_of(self, call, route):
        return {**super().call_of(call, route), "id": "call_1"}


@fault("test_images", "pictures in messages are left out")
class NoPictures(Quill):
    def parts_of(self, message, route):
        return [part for part in super().parts_of(message, route) if part["kind"] != "picture"]


@fault("test_structured_output", "the JSON schema of response_format is left out")
class NoSchema(Quill):
    def format_of(self, wished, route):
        return {"as": super().format_of(wished, route)["as"]}


@fault("test_signed_reasoning", "the signature of thoughts is not sent back")
class NoThoughtsBack(Quill):
    def thoughts_of(self, message, route):
        return []


@fault("test_unknown_parameters", "parameters that the plugin does not know are left out")
class OnlyKnown(Quill):
    def unknown_of(self, given):
        return {}


@fault("test_parameters", "a parameter is accepted and never sent")
class NoStop(Quill):
    def body_of(self, call, route, ledger):
        body = super().body_of(call, route, ledger)
        body.pop("stop_at", None)
        return body


@fault("test_refused_parameters", "what is refused is refused under the policy drop too")
class NeverDrops(Quill):
    @hookimpl
    def transform_request(self, call, route):
        if "n" in call.body and call.body["n"] != 1:
            raise route.unsupported("n", "Quill makes one answer", options=("drop_params",))
        return super().transform_request(call, route)

    @hookimpl
    def supports_param(self, route, param, value):
        return None if param == "n" else super().supports_param(route, param, value)


@fault("test_neutral_values", "values that ask for nothing are refused")
class RefusesNeutral(Quill):
    @hookimpl
    def transform_request(self, call, route):
        if "n" in call.body:
            raise route.refuse("n", "Quill makes one answer")
        return super().transform_request(call, route)


@fault("test_odd_values", "supports_param compares a value without looking at its type")
class ComparesAnything(Quill):
    @hookimpl
    def supports_param(self, route, param, value):
        if param == "temperature" and value > 1:
            return False
        return super().supports_param(route, param, value)


@fault("test_malformed_messages", "a part of a message is read unguarded")
class TrustsMessages(Quill):
    def part_of(self, part, route):
        return super().part_of({**part, "type": part["type"].lower()}, route)


@fault("test_malformed_tools", "a tool's function is read unguarded")
class TrustsTools(Quill):
    def tools_of(self, given, route):
        _ = [tool["function"]["name"] for tool in given.get("tools") or ()]
        return super().tools_of(given, route)


# --- purity ---


@fault("test_call_is_not_changed", "the caller's messages are changed")
class ChangesMessages(Quill):
    def turns_of(self, messages, route):
        made = super().turns_of(messages, route)
        messages.pop(0)
        return made


@fault("test_same_request_twice", "a counter is sent with each request")
class Counts(Quill):
    count = 0

    def body_of(self, call, route, ledger):
        self.count += 1
        return {**super().body_of(call, route, ledger), "nonce": self.count}


@fault("test_hooks_do_no_io", "a hook reads a file")
class ReadsFile(Quill):
    def limit_of(self, given):
        with open(__file__, "rb") as file:
            file.read(1)
        return super().limit_of(given)


@fault("test_hooks_do_not_wait", "a hook sleeps")
class Sleeps(Quill):
    def limit_of(self, given):
        time.sleep(0.001)
        return super().limit_of(given)


@fault("test_hooks_read_no_environment", "a variable is read while a call is made")
class ReadsEnvironment(Quill):
    def limit_of(self, given):
        return int(os.environ.get("QUILL_LIMIT", super().limit_of(given)))


@fault("test_hooks_in_threads", "the call is kept in the plugin")
class KeepsCall(Quill):
    def body_of(self, call, route, ledger):
        self.call = call
        time.sleep(0.001)
        return super().body_of(self.call, route, ledger)


# --- keys, hosts, requests on the wire ---


@fault("test_key_only_in_its_header", "the key is in the query")
class KeyInQuery(Quill):
    @hookimpl
    def transform_request(self, call, route):
        request = super().transform_request(call, route)
        query = {"key": route.api_key.reveal()} if route.api_key else {}
        return UpstreamRequest(request.method, request.path, request.body, query=query)


@fault("test_key_in_no_log", "the key is logged")
class LogsKey(Quill):
    def path_of(self, route):
        log.debug("key %s", route.api_key and route.api_key.reveal())
        return super().path_of(route)


@fault("test_key_stays_on_its_hosts", "a request goes to a host that info does not name")
class AnotherHost(Quill):
    @hookimpl
    def transform_request(self, call, route):
        return replace(super().transform_request(call, route), origin="https://collector.example")


@fault("test_two_clients_share_nothing", "the first key that comes is kept and used for all")
class KeepsKey(Quill):
    key = None

    @hookimpl
    def auth(self, request, route, credential, now):
        self.key = self.key or (route.api_key and route.api_key.reveal())
        return request.with_headers({"x-quill-key": self.key or ""})


@fault("test_posts_are_counted", "an error of the caller's looks like one that may pass")
class RetriesPost(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        if response.status != 400:
            return error
        return errors.RateLimitError("slow down", status_code=429, retry_after=0)


# --- whole answers ---


@fault("test_text", "white space around the text is cut off")
class StripsText(Quill):
    def message_of(self, parts):
        message = super().message_of(parts)
        return {**message, "content": (message["content"] or "").replace("\n\n", "\n") or None}


@fault("test_usage", "input and output tokens are mixed up")
class SwapsUsage(Quill):
    def usage_of(self, used):
        usage = super().usage_of(used)
        return usage and {
            **usage,
            "prompt_tokens": usage["completion_tokens"],
            "completion_tokens": usage["prompt_tokens"],
        }


@fault("test_usage", "cached tokens are not counted as input")
class LosesCached(Quill):
    def usage_of(self, used):
        usage = super().usage_of(used)
        return usage and {**usage, "prompt_tokens": used.get("in")}


@fault("test_length", "an answer that was cut off counts as complete")
class AlwaysStop(Quill):
    def reason_of(self, ended):
        return "stop" if ended == "limit" else super().reason_of(ended)


@fault("test_tool_call", "the arguments of a call are encoded twice")
class EncodesTwice(Quill):
    def tool_call_of(self, part):
        call = super().tool_call_of(part)
        return {**call, "function": {**call["function"], "arguments": repr(call["function"]["arguments"])}}


@fault("test_parallel_tool_calls", "of several calls only the first is kept")
class OneCall(Quill):
    def message_of(self, parts):
        message = super().message_of(parts)
        return {**message, "tool_calls": message["tool_calls"][:1]} if "tool_calls" in message else message


@fault("test_reasoning", "the model's thoughts are part of its answer")
class ThoughtsInText(Quill):
    def message_of(self, parts):
        message = super().message_of(parts)
        thoughts = message.get("reasoning_content")
        return {**message, "content": f"{thoughts}{message['content']}"} if thoughts else message


@fault("test_signed_reasoning", "the signature of thoughts is not kept")
class LosesSignature(Quill):
    def message_of(self, parts):
        message = super().message_of(parts)
        return {name: value for name, value in message.items() if name != "reasoning_items"}


@fault("test_identity", "the id and the model of the answer are numbers")
class NumbersForIds(Quill):
    @hookimpl
    def transform_response(self, call, route, response):
        return {**super().transform_response(call, route, response), "id": 7, "model": 7}


@fault("test_unknown_answer_fields", "fields of the answer that the plugin does not know are left out")
class OnlyKnownFields(Quill):
    @hookimpl
    def transform_response(self, call, route, response):
        answer = super().transform_response(call, route, response)
        return {name: answer[name] for name in ("id", "model", "object", "choices", "usage") if name in answer}


@fault("test_mistyped_answers", "a field of the answer is read unguarded")
class TrustsAnswers(Quill):
    def usage_of(self, used):
        return used and super().usage_of({**used, "in": used["in"] + 0})


@fault("test_answers_that_are_not_json", "whatever comes is taken for an answer")
class TakesAnything(Quill):
    @hookimpl
    def transform_response(self, call, route, response):
        try:
            return super().transform_response(call, route, response)
        except errors.APIResponseValidationError:
            return {"object": "chat.completion", "choices": []}


# --- errors ---


@fault("test_errors_by_status", "every error is a bad request")
class OneError(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        return errors.BadRequestError(error.message, status_code=response.status, request_id=error.request_id)


@fault("test_errors_without_json", "an error's body is read as JSON, whatever it is")
class TrustsErrors(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        import json

        json.loads(response.content)
        return error


@fault("test_error_message", "the provider's words are replaced")
class OwnWords(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        error.message = "something went wrong"
        return error


@fault("test_request_id", "an error of the plugin's own has no request id")
class NoRequestId(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        error.request_id = None
        return error


@fault("test_retry_after", "an error of the plugin's own has no retry_after")
class NoRetryAfter(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        error.retry_after = None
        return error


# --- streams ---


@fault("test_stream_cut_at_every_event", "close() ends a stream that was cut off, as if it were whole")
class HidesCut(QuillStream):
    def close(self):
        return [] if self.done else [self.chunk({}, "stop")]


@fault("test_stream_cut_at_every_byte", "a stream counts as whole once a function is called")
class EndsEarly(QuillStream):
    def close(self):
        return [self.chunk({}, "tool_calls")] if self.calls and not self.done else super().close()


@fault("test_stream_ends_with_its_marker", "the parser does not say that the stream is over")
class NeverDone(QuillStream):
    ended = False

    def on_done(self, data):
        yield from super().on_done(data)
        self.done, self.ended = False, True

    def close(self):
        return [] if self.ended else super().close()


@fault("test_stream_equals_whole", "the signature of thoughts is not kept in a stream")
class UnsealedStream(QuillStream):
    def on_end(self, data):
        return super().on_end({})


@fault("test_stream_equals_whole", "the last piece of each part is lost")
class LosesPieces(QuillStream):
    last = None

    def on_more(self, data):
        if self.last is not None:
            yield from super().on_more(self.last)
        self.last = data

    def on_end(self, data):
        self.last = None
        yield from super().on_end(data)


@fault("test_stream_shape", "every call of a function has the index 0")
class WrongIndex(QuillStream):
    def on_part(self, data):
        for chunk in super().on_part(data):
            for call in chunk["choices"][0]["delta"].get("tool_calls", ()):
                call["index"] = 0
            yield chunk


@fault("test_stream_shape", "the usage comes twice")
class UsageTwice(QuillStream):
    def on_done(self, data):
        for chunk in super().on_done(data):
            yield from (chunk, chunk) if chunk.get("usage") else (chunk,)


@fault("test_usage_in_stream", "a stream has no usage")
class NoUsage(QuillStream):
    def on_done(self, data):
        yield from (chunk for chunk in super().on_done(data) if not chunk.get("usage"))


@fault("test_unknown_events", "an event that the parser does not know is an error")
class RefusesEvents(QuillStream):
    def feed(self, event):
        if not hasattr(self, f"on_{event.event}"):
            raise errors.APIResponseValidationError(f"unknown event {event.event!r}")
        return super().feed(event)


@fault("test_mistyped_events", "a field of an event is read unguarded")
class TrustsEvents(QuillStream):
    def on_more(self, data):
        _ = len(data["text"])
        yield from super().on_more(data)


@fault("test_streams_share_no_state", "the state of a stream is kept in the class")
class SharesState(QuillStream):
    shared: ClassVar[dict[str, Any]] = {}

    @property
    def kind(self):
        return self.shared.get("kind")

    @kind.setter
    def kind(self, value):
        type(self).shared["kind"] = value


@fault("test_stream_in_any_blocks", "the parser counts the pieces that it is given by their time")
class KeepsTime(QuillStream):
    def chunk(self, delta, reason=None):
        return {**super().chunk(delta, reason), "at": time.monotonic_ns()}


# --- loading ---


@fault("test_loads", "a hook is async")
class AsyncHook(Quill):
    @hookimpl
    async def transform_request(self, call, route):
        return UpstreamRequest("POST", "/messages", {})


@fault("test_loads", "it was written for a newer contract")
class Newer(Quill):
    info = replace(Quill.info, api=(9, 0))


@fault("test_keys_travel_encrypted", "the base URL is http")
class PlainHTTP(Quill):
    info = replace(Quill.info, base_url="http://api.quill.example/v1")


@fault("test_cost", "cached tokens are counted as new ones")
class CachedAsNew(Quill):
    def usage_of(self, used):
        usage = super().usage_of(used)
        return usage and {**usage, "prompt_tokens_details": {"cached_tokens": 0}}


@fault("test_explained_is_sent", "another request is made where the key is not the real one")
class LooksAtKey(Quill):
    def path_of(self, route):
        is_real = route.api_key is not None and route.api_key.reveal().startswith("sk-")
        return "/messages" if is_real else "/demo"


# --- what happens around a call ---


@fault("test_serves_the_family", "calls of the family are refused")
class RefusesFamily(Quill):
    @hookimpl
    def transform_request(self, call, route):
        raise route.bad_request("model", f"Quill has no {route.family}")


@fault("test_mistyped_errors", "a field of an error is read unguarded")
class TrustsErrorFields(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        error.message = response.json()["message"].strip()
        return error


@fault("test_key_in_no_error", "the key is in the message of an error")
class KeyInError(Quill):
    @hookimpl
    def map_error(self, call, route, response, error):
        return KeyedError(error.message, status_code=response.status, key=route.api_key.reveal())


class KeyedError(errors.BadRequestError):
    """An error that keeps what it should not."""

    def __init__(self, message, *, status_code, key):
        super().__init__(message, status_code=status_code)
        self.key = key


@fault("test_errors_are_equal", "errors are numbered")
class NumbersErrors(Quill):
    count = 0

    @hookimpl
    def map_error(self, call, route, response, error):
        self.count += 1
        error.message += f" ({self.count})"
        return error


@fault("test_all_ways_are_equal", "asynchronous calls are not served")
class OnlySynchronous(Quill):
    @hookimpl
    def transport(self, route, inner):
        if hasattr(inner, "asend"):
            raise errors.ConfigError("Quill has no asynchronous transport")
        return inner


@fault("test_responses_over_chat", "the usage has a total only")
class TotalOnly(Quill):
    def usage_of(self, used):
        usage = super().usage_of(used)
        return usage and {"total_tokens": usage["total_tokens"]}


class Leaky:
    """A transport or a response of one, whose connections are never closed."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def send(self, request):
        return Leaky(self.inner.send(request))

    async def asend(self, request):
        return await asyncio.shield(self.inner.asend(request))

    def close(self):
        pass

    def abort(self):
        pass

    async def aclose(self):
        pass


@fault("test_closing_a_stream_closes_the_connection", "a transport of its own leaves the connection open")
class LeavesOpen(Quill):
    @hookimpl
    def transport(self, route, inner):
        return inner if hasattr(inner, "asend") else Leaky(inner)


@fault("test_cancelling_closes_the_connection", "a transport of its own goes on when it is cancelled")
class GoesOn(Quill):
    @hookimpl
    def transport(self, route, inner):
        return Leaky(inner) if hasattr(inner, "asend") else inner
