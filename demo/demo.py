"""A tour of llmgate's SDK in eleven steps: each shows a line of Python, runs it and checks the result.

    python demo/demo.py                                  a small real model on this machine, no key needed
    python demo/demo.py --model openai/gpt-4o-mini       any other model, here with OPENAI_API_KEY set

Exit status 0: all steps passed. 1: a step failed, and says how.
"""

# ruff: noqa: T201 - this is a program that prints

from __future__ import annotations

import argparse
import io
import json
import math
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from shown_call import shown

import llmgate_core
from llmgate_core import LLMGateError

completion, responses = shown(llmgate_core.completion), shown(llmgate_core.responses)
text_completion, embedding = shown(llmgate_core.text_completion), shown(llmgate_core.embedding)
transcription = shown(llmgate_core.transcription)
supports, model_facts = shown(llmgate_core.supports), shown(llmgate_core.model_facts)

LOCAL, OPENAI = "local/", "openai/"
DEFAULTS = {  # prefix of --model -> the other models, unless they are named
    LOCAL: ("local/smollm2", "local/e5", "local/whisper"),
    OPENAI: (
        "text-completion-openai/gpt-3.5-turbo-instruct",
        "openai/text-embedding-3-small",
        "openai/gpt-4o-mini-transcribe",
    ),
}
CLAUDE, GROQ = "anthropic/claude-sonnet-5-5", "groq/llama-3.3-70b-versatile"
"""The models of the steps that send nothing."""
RECORDING = Path(__file__).with_name("speech.wav")  # the quick brown fox ... the lazy dog ... forty two
QUESTION = "Write one sentence about the sea."
WEATHER_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Person(BaseModel):
    """What step 4 extracts."""

    name: str
    born: int
    city: str


class WrongAnswerError(Exception):
    """A step's answer is not the expected one."""


def user(text: str) -> list[dict[str, Any]]:
    """Return a conversation of one message."""
    return [{"role": "user", "content": text}]


def show(text: object) -> None:
    """Print below the step's title."""
    print(f"   {text}")


def check(expected: str, holds: object) -> None:
    """Raise WrongAnswerError, which fails the step, unless the expectation holds."""
    if not holds:
        raise WrongAnswerError(f"expected {expected}")


def chat(model: str) -> None:
    """Ask a question and get a complete answer."""
    response = completion(model, user(QUESTION), temperature=0, max_tokens=48)
    check("a choice", response.choices)
    text = response.choices[0].message.content
    show(text)
    check("text", text)
    check("a token count", response.usage and response.usage.total_tokens)


def streamed_chat(model: str) -> None:
    """Ask the same question and print each piece as it arrives."""
    started = time.monotonic()
    seconds: list[float] = []
    stream = completion(model, user(QUESTION), temperature=0, max_tokens=48, stream=True)
    print("   ", end="")
    for chunk in stream:
        for choice in chunk.choices or ():
            if choice.delta is not None and choice.delta.content:
                seconds.append(time.monotonic() - started)
                print(choice.delta.content, end="", flush=True)
    print()
    check("several chunks of text", len(seconds) > 1)
    show(f"({len(seconds)} chunks, the first after {seconds[0]:.2f} s, the last after {seconds[-1]:.2f} s)")


def tool_call(model: str) -> None:
    """Offer a function and get the call that the model wants."""
    response = completion(
        model, user("Weather in Paris?"), tools=[WEATHER_TOOL], tool_choice="required", temperature=0, max_tokens=64
    )
    check("a choice", response.choices)
    calls = response.choices[0].message.tool_calls or []
    functions = [call.function for call in calls if call.function is not None]
    check("a tool call", functions)
    arguments = json.loads(functions[0].arguments or "{}")
    show(f"{functions[0].name}({arguments})")
    check("a call of get_weather", functions[0].name == "get_weather")
    check("Paris as the city", isinstance(arguments, dict) and "Paris" in str(arguments.get("city")))


def structured_output(model: str) -> None:
    """Pass a pydantic class and get an instance of it."""
    question = user("Ada Lovelace was born in London in 1815. Extract the person.")
    response = completion(model, question, response_format=Person, temperature=0, max_tokens=80)
    check("a choice", response.choices)
    person = response.choices[0].message.parsed
    show(repr(person))
    check("a Person", isinstance(person, Person))
    check("Ada Lovelace, 1815", "Ada" in person.name and person.born == 1815)


def continued_text(model: str) -> None:
    """Pass the beginning of a sentence and get its continuation."""
    prompt = "One, two, three, four,"
    response = text_completion(model, prompt, temperature=0, max_tokens=12)
    check("a choice", response.choices)
    text = response.choices[0].text
    show(f"{prompt!r} continues with {text!r}")
    check("text", text)


def compared_sentences(model: str) -> None:
    """Turn sentences into vectors: related sentences are closer to each other."""
    sentences = ["How do I bake bread?", "A simple recipe for a loaf", "The stock market fell today"]
    vectors = [row.embedding for row in embedding(model, sentences).data if isinstance(row.embedding, list)]
    check("three vectors of one length", len(vectors) == 3 and len({len(vector) for vector in vectors}) == 1)
    check("no vector of zeros", all(any(vector) for vector in vectors))
    related, unrelated = cosine(vectors[0], vectors[1]), cosine(vectors[0], vectors[2])
    show(f"{related:.3f}  {sentences[0]!r} and {sentences[1]!r}")
    show(f"{unrelated:.3f}  {sentences[0]!r} and {sentences[2]!r}")
    check("the related sentences to be closer", related > unrelated)


def streamed_response(model: str) -> None:
    """Ask through the Responses API and print its typed events as they arrive."""
    kinds: list[str] = []
    with responses(model, QUESTION, temperature=0, max_output_tokens=32, stream=True) as stream:
        print("   ", end="")
        for event in stream:
            kinds.append(event.type or "")
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
    print()
    show(f"({len(kinds)} events: {', '.join(dict.fromkeys(kinds))})")
    check("the first and the last event", kinds[0] == "response.created" and kinds[-1] == "response.completed")
    check("pieces of text between them", kinds.count("response.output_text.delta") > 1)


def bridged_chat(model: str) -> None:
    """Send a chat to a model behind the Responses API: the ledger lists what the bridge changed."""
    bridged = model.replace("/", "/responses/", 1)
    response = completion(bridged, user(QUESTION), temperature=0, max_tokens=32)
    text = response.choices[0].message.content
    show(f"{bridged}: {text}")
    for entry in response.ledger:
        show(f"ledger: {entry}")
    check("text", text)
    check("a chat id", (response.id or "").startswith("chatcmpl-"))
    check("the bridge in the ledger", any(entry.action == "bridged" for entry in response.ledger))


def transcribed_speech(model: str) -> None:
    """Transcribe a recording."""
    with RECORDING.open("rb") as recording:
        text = transcription(model, recording).text or ""
    show(repr(text))
    check("the lazy dog", "lazy dog" in text.lower())
    check("the number", "42" in text or "forty" in text.lower())


def known_facts(model: str) -> None:
    """Look up what a model can do and costs; nothing is sent."""
    sees, facts = supports(model, "vision"), model_facts(model)
    check("a row of the catalogue", facts)
    prices = f"$ {facts.input_price} in, {facts.output_price} out for a million tokens"
    show(f"pictures: {sees}; a context of {facts.context_window:,} tokens; {prices}")
    check("pictures and a price", sees and facts.input_price)


def explained_call(model: str) -> None:
    """See where a call would go, and what its provider would refuse; nothing is sent, and no key is needed."""
    command = ["explain", model, "--param", "max_completion_tokens=9", "--param", "n=3"]
    show(f"$ llmgate {shlex.join(command)}")
    done = subprocess.run(  # noqa: S603  # our own command, in this Python
        [sys.executable, "-m", "llmgate_core", *command], capture_output=True, text=True, check=False
    )
    for line in done.stdout.splitlines():
        show(f"{line[:78]} …" if line.startswith("request") else line)
    check("a refusal of n=3", "REFUSED" in done.stdout)


def cosine(left: list[float], right: list[float]) -> float:
    """Return the cosine similarity of two vectors, at most 1."""
    return sum(a * b for a, b in zip(left, right, strict=True)) / math.hypot(*left) / math.hypot(*right)


def steps(options: argparse.Namespace) -> list[tuple[str, Callable[[str], None], str | None]]:
    """Return title, function and model of each step; None if no model was named for it."""
    text_model, embedding_model, speech_model = next(
        (models for prefix, models in DEFAULTS.items() if options.model.startswith(prefix)), (None, None, None)
    )
    return [
        ("chat", chat, options.model),
        ("the same, streamed", streamed_chat, options.model),
        ("a tool call", tool_call, options.model),
        ("a structured output", structured_output, options.model),
        ("a text completion", continued_text, options.text_model or text_model),
        ("embeddings", compared_sentences, options.embedding_model or embedding_model),
        ("a response, streamed", streamed_response, options.model),
        ("a chat over the Responses API", bridged_chat, options.model),
        ("a transcription", transcribed_speech, options.speech_model or speech_model),
        ("what is known of a model", known_facts, CLAUDE),
        ("what another provider would make of a call", explained_call, GROQ),
    ]


def main() -> int:
    """Run the steps in order and stop at the first that fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="local/smollm2", help="for chat (default: %(default)s)")
    parser.add_argument("--text-model", help="for the text completion (default: one of the same provider)")
    parser.add_argument("--embedding-model", help="for the embeddings (default: one of the same provider)")
    parser.add_argument("--speech-model", help="for the transcription (default: one of the same provider)")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in order with stderr in a file or a pipe, too
    passed = 0
    for number, (title, step, model) in enumerate(steps(parser.parse_args()), 1):
        if model is None:
            print(f"{number}. {title}: skipped; name a model with --text-model, --embedding-model or --speech-model")
            continue
        print(f"{number}. {title}: {model}")
        started = time.monotonic()
        try:
            step(model)
        except (LLMGateError, WrongAnswerError, LookupError, ValueError) as error:
            print(f"step {number} ({title}) failed: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
        show(f"{time.monotonic() - started:.2f} s")
        passed += 1
    print(f"all {passed} steps passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
