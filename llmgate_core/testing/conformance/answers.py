"""Checks of whole answers: what the model wrote, what it took, and answers in another shape than promised."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from llmgate_core.client.sync_client import Client
from llmgate_core.errors import APIError, LLMGateError, PluginError
from llmgate_core.json_codec import encode
from llmgate_core.settings.settings import Settings
from llmgate_core.testing.conformance.base import Checks
from llmgate_core.testing.conformance.bench import PREFIX, sent_by
from llmgate_core.testing.conformance.check import Findings, NotApplicableError, check
from llmgate_core.testing.conformance.comparing import differences, expected, seen
from llmgate_core.testing.conformance.mutations import mutated
from llmgate_core.testing.conformance.samples import Sample
from llmgate_core.testing.conformance.ways import METHODS, synchronous

__all__ = ["AnswerChecks", "blamed"]

UNKNOWN = "x_conformance_unknown"
PRICED = "conformance-priced"
INPUT, CACHED, OUTPUT = 100, 10, 1000
"""Prices of a million tokens, in US dollars."""


def blamed(error: BaseException | None) -> str | None:
    """Return what is wrong with an error where the upstream or the caller is at fault; None: its class is right."""
    if error is None or (isinstance(error, APIError) and not isinstance(error, PluginError)):
        return None
    cause = f" ({type(error.__cause__).__name__}: {error.__cause__})" if error.__cause__ else ""
    return f"{type(error).__name__}: {str(error)[:200]}{cause}"


class AnswerChecks(Checks):
    """Whole answers of every family."""

    @check
    def test_text(self) -> Findings:
        """The answer has what the model wrote, to the character.

        `transform_response` must copy the content as it is, whatever quotes, blank lines or characters it has.
        """
        names = ("text", "long_text", "history") if self.family == "chat" else (self.samples[0].name,)
        for name in names:
            yield from self.wrong_values(self.sample(name), but=("finish_reason", *USAGE))

    @check
    def test_request_has_everything(self) -> Findings:
        """The request to the provider has every part of the call: messages, prompts, files.

        `transform_request` must send each of them, or refuse the call with `route.bad_request`. Nothing may be left
        out without an entry of a `Ledger`.
        """
        for sample in self.samples:
            if not sample.needs:
                yield from self.lost_marks(sample)

    @check
    def test_usage(self) -> Findings:
        """The usage is what the provider counted: input, output and cached tokens are not mixed up.

        In OpenAI's shape `prompt_tokens` includes the cached ones, which `prompt_tokens_details.cached_tokens` says.
        """
        for sample in self.claimed_samples():
            yield from self.wrong_values(sample, only=USAGE)

    @check
    def test_cost(self) -> Findings:
        """With the prices of a model, the cost of an answer follows from its usage.

        Cached tokens cost less than the others, so they must be counted in
        `prompt_tokens_details.cached_tokens`, or `input_tokens_details.cached_tokens` of a response.
        """
        if self.family not in IDENTITY:
            raise NotApplicableError(f"the family {self.family} is not priced by tokens alone")
        sample = self.sample("text")
        reply = sample.reply
        fresh = reply.input_tokens - reply.cached_tokens
        wanted = (fresh * INPUT + reply.cached_tokens * CACHED + reply.output_tokens * OUTPUT) / 1_000_000
        with TemporaryDirectory() as folder, self.priced_client(Path(folder)) as client:
            self.scripted(self.the_wire.answer(reply, stream=False))
            method = getattr(client, METHODS.get(self.family, self.family))
            given = {**sample.inputs, **sample.arguments, **self.bench.own_options()}
            answer = method(model=f"{PREFIX}/{PRICED}", **given)
            if answer.cost is None or abs(answer.cost - wanted) > wanted / 1000:
                yield f"the cost should be {wanted:g} US dollars, not {answer.cost!r}"

    @check
    def test_identity(self) -> Findings:
        """The answer has its id, its time, its model and the index of each choice.

        OpenAI's SDKs promise these fields to their users. Core fills in what a converted answer lacks; a value of your
        own must be of the right type.
        """
        if self.family not in IDENTITY:
            raise NotApplicableError(f"answers of the family {self.family} have no identity")
        answer = self.answer_to(self.sample("text"))
        for name, kind in IDENTITY[self.family].items():
            if not isinstance(answer.get(name), kind) or answer.get(name) in ("", 0):
                yield f"{name} should be {_noun(kind)}, not {answer.get(name)!r}"
        for number, choice in enumerate(answer.get("choices", ())):
            if choice.get("index") != number:
                yield f"choices[{number}].index should be {number}, not {choice.get('index')!r}"

    @check
    def test_unknown_answer_fields(self) -> Findings:
        """A field that your plugin does not know yet survives in the answer.

        Providers add fields every month. `transform_response` should keep what it does not know: at the same level
        where your answers have OpenAI's shape, anywhere in the answer where they do not.
        """
        sample = self.samples[0]
        whole = self.json_of(sample)
        marked = json.dumps({**whole, UNKNOWN: {"mark": "mark-unknown"}})
        answer = self.bench.read(self.bench.prepare(sample), marked.encode())
        if "mark-unknown" not in json.dumps(answer):
            yield f"the field {UNKNOWN!r} at the top of the provider's answer is gone"

    @check
    def test_mistyped_answers(self) -> Findings:
        """Each field of the provider's answer may be missing, null or of another type: that is never your bug.

        Guard what you read: raise `APIResponseValidationError` for what you cannot do without, and go on without the
        rest. A `KeyError` in a hook is a `PluginError`, which says that the plugin is wrong and not the upstream.
        """
        places: set[str] = set()
        for sample in self.claimed_samples():
            whole, call = self.json_of(sample), self.bench.prepare(sample)
            for place, value in mutated(whole):
                if place in places:  # as in the sample before
                    continue
                places.add(place)
                error = _error_of(lambda value=value, call=call: self.bench.read(call, json.dumps(value).encode()))
                if wrong := blamed(error):
                    yield f"{sample.name}, {place}: {wrong}"

    @check
    def test_answers_that_are_not_json(self) -> Findings:
        """An answer that is not JSON, or not an object, is an error of the upstream's.

        Use `response.json()`, which raises the right error, and check that you got an object.
        """
        sample = self.samples[0]
        self.json_of(sample)
        call = self.bench.prepare(sample)
        for content in (b"", b"<html>busy</html>", b"[]", b"null", b'"text"', b"7", b"{", b"\xff\xfe"):
            error = _error_of(lambda content=content: self.bench.read(call, content))
            if error is None:
                yield f"{content!r} was taken for an answer"
            elif wrong := blamed(error):
                yield f"{content!r}: {wrong}"

    # --- what the checks share ---

    def priced_client(self, folder: Path) -> Client:
        """Return a client whose catalogue has a model with prices."""
        mode = {"text_completion": "completion", "messages": "chat"}.get(self.family, self.family)
        prices = {"standard": {"input": INPUT, "cached_input": CACHED, "output": OUTPUT}}
        rows = {PRICED: {"mode": mode, "pricing": prices}}
        file = folder / "models.json"
        file.write_bytes(encode({"provider": self.bench.plugin.info.name, "models": rows}))
        options = self.bench.client_options(settings=Settings(catalogue_file=str(file)))
        client: Client = self.bench.equipped(Client(**options))
        return client

    def answer_to(self, sample: Sample) -> Any:
        """Return the canonical answer to a sample."""
        call, wire = self.bench.prepare(sample), self.the_wire
        if not self.bench.is_exchange(call):
            return self.bench.read(call, wire.content(sample.reply))
        self.scripted(wire.answer(sample.reply, stream=False))
        ending = synchronous("http1")(self.bench, sample, False)
        if ending.error is not None:
            raise ending.error
        return ending.answer

    def json_of(self, sample: Sample) -> Mapping[str, Any]:
        """Return the provider's JSON for a sample."""
        whole = self.the_wire.whole(sample.reply)
        if self.bench.is_exchange(self.bench.prepare(sample)):
            raise NotApplicableError("the plugin makes several requests of a call, and reads the answer itself")
        if isinstance(whole, bytes):
            raise NotApplicableError("the provider's answers are bytes, not JSON")
        return whole

    def wrong_values(self, sample: Sample, *, only: tuple[str, ...] = (), but: tuple[str, ...] = ()) -> Iterator[str]:
        """Yield what differs between the answer to a sample and its reply."""
        wanted = expected(self.family, sample.reply)
        wanted = {name: value for name, value in wanted.items() if name not in but and (not only or name in only)}
        found = seen(self.family, self.answer_to(sample))
        yield from (f"{sample.name}: {wrong}" for wrong in differences(wanted, found))

    def lost_marks(self, sample: Sample) -> Iterator[str]:
        """Yield the parts of a sample's call that are not in the request."""
        sent = sent_by(self.bench.prepare(sample))
        lost = [mark for mark in sample.marks if not sent.holds(mark)]
        yield from (f"{sample.name}: {mark!r} of the call is not in the request" for mark in lost)


USAGE = ("input tokens", "output tokens", "cached tokens", "usage")
IDENTITY: Mapping[str, Mapping[str, Any]] = {
    "chat": {"id": str, "object": str, "created": int, "model": str},
    "responses": {"id": str, "object": str, "created_at": (int, float), "model": str},
    "text_completion": {"id": str, "object": str, "created": int, "model": str},
    "messages": {"id": str, "type": str, "role": str, "model": str},
}


class ChatAnswerChecks(AnswerChecks):
    """What only answers of chat have."""

    @check
    def test_length(self) -> Findings:
        """An answer that was cut off at the limit of tokens has the `finish_reason` `length`.

        Map the provider's words to OpenAI's: `stop`, `length`, `tool_calls`, `content_filter`.
        """
        for name in ("text", "length"):
            yield from self.wrong_values(self.sample(name), only=("finish_reason",))

    @check
    def test_tool_call(self) -> Findings:
        """A call of a function comes with its id, its name and its arguments as a string of JSON.

        Without the capability `tools`, a call with tools is refused (`route.refuse`) or sent as it is.
        """
        yield from self.both_directions("tool_call")

    @check
    def test_parallel_tool_calls(self) -> Findings:
        """Several calls in one answer keep their order, ids and arguments.

        Without the capability `parallel_tool_calls` this does not apply.
        """
        self.require("parallel_tool_calls")
        yield from self.both_directions("parallel_tool_calls")

    @check
    def test_tool_results(self) -> Findings:
        """The results of functions reach the provider, each with the id of its call.

        `transform_request` must convert messages with the role `tool`, and the `tool_calls` of the message before.
        """
        yield from self.both_directions("tool_results")

    @check
    def test_structured_output(self) -> Findings:
        """The JSON schema of `response_format` reaches the provider.

        Without the capability `structured_output`, `supports_param` refuses `response_format`, or it is sent as it is.
        """
        yield from self.both_directions("structured_output")

    @check
    def test_images(self) -> Findings:
        """A picture in a message reaches the provider, beside the text.

        Without the capability `images`, the message is refused with `route.bad_request`, or sent as it is.
        """
        yield from self.both_directions("image")

    @check
    def test_reasoning(self) -> Findings:
        """The model's thoughts are the `reasoning_content` of the message, apart from its content.

        Without the capability `reasoning` this does not apply.
        """
        self.require("reasoning")
        yield from self.wrong_values(self.sample("reasoning"), but=USAGE)

    @check
    def test_signed_reasoning(self) -> Findings:
        """Thoughts that must be sent back survive as `reasoning_items`, and reach the provider with the next turn.

        Put whatever the provider wants back, signature included, into `message.reasoning_items`, and convert the
        `reasoning_items` of messages in `transform_request`. Without the capability this does not apply.
        """
        self.require("signed_reasoning")
        sample = self.sample("reasoning")
        message = self.answer_to(sample)["choices"][0]["message"]
        signature = sample.reply.signature
        if signature not in json.dumps(message.get("reasoning_items")):
            yield f"the signature {signature!r} is not in the message's reasoning_items"
            return
        turn = [*sample.inputs["messages"], message, {"role": "user", "content": "And then?"}]
        sent = sent_by(self.bench.prepare(Sample("next turn", {"messages": turn}, sample.reply)))
        if not sent.holds(signature):
            yield f"the signature {signature!r} of the message is not in the request of the next turn"

    def both_directions(self, name: str) -> Iterator[str]:
        """Yield what is wrong with a sample: what is claimed works; what is not is refused, or sent as it is."""
        sample = self.sample(name)
        if self.can(sample.needs):
            yield from self.lost_marks(sample)
            if self.wire is not None:
                yield from self.wrong_values(sample, but=USAGE)
            return
        try:
            yield from (f"not claimed, not refused, and {lost}" for lost in self.lost_marks(sample))
        except LLMGateError as error:
            if wrong := blamed(error):
                yield f"{sample.name} is not claimed, and ends in {wrong}"


def _noun(kind: Any) -> str:
    return {str: "a string", int: "a whole number"}.get(kind, "a number")


def _error_of(read: Any) -> BaseException | None:
    try:
        read()
    except Exception as error:  # noqa: BLE001  # its class is what is judged
        return error
    return None
