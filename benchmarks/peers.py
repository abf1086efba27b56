"""Measure other SDKs beside the plain httpx program, as run.py measures llmgate; run by the Python of `build/peers`.

    make peers && make bench ARGS="--peers --only sync"

Prints a JSON object a line, for `run.py --peers`. A peer that is not installed is left out with a word on stderr. Each
peer answers with its own typed results and its default settings, without retries.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

from plain import KEY, MESSAGES, TEXT
from rows import show
from servers import upstream
from turns import SCENARIOS, MakeSide, clean_environment, measure


class OpenAI:
    """OpenAI's own SDK."""

    def __init__(self, base_url: str) -> None:
        module = importlib.import_module("openai")
        options: dict[str, Any] = {"api_key": KEY, "base_url": base_url, "max_retries": 0}
        self.client, self.aclient = module.OpenAI(**options), module.AsyncOpenAI(**options)

    def call(self) -> int:
        answer = self.client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        return len(answer.choices[0].message.content)

    async def acall(self) -> int:
        answer = await self.aclient.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        return len(answer.choices[0].message.content)

    def stream(self) -> int:
        stream = self.client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        return sum(len(chunk.choices[0].delta.content or "") for chunk in stream)

    async def astream(self) -> int:
        stream = await self.aclient.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
        return sum([len(chunk.choices[0].delta.content or "") async for chunk in stream])

    def embed(self) -> int:
        # without the encoding it would ask for base64, and this upstream sends numbers
        answer = self.client.embeddings.create(model="text-embedding-3-small", input=TEXT, encoding_format="float")
        return len(answer.data[0].embedding)


class LiteLLM:
    """LiteLLM's functions."""

    def __init__(self, base_url: str) -> None:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its import would else ask the network
        self.module: Any = importlib.import_module("litellm")
        self.options = {"api_key": KEY, "api_base": base_url, "num_retries": 0}
        self.chat = {"model": "openai/gpt-4o", "messages": MESSAGES, **self.options}

    def call(self) -> int:
        return len(self.module.completion(**self.chat).choices[0].message.content)

    async def acall(self) -> int:
        return len((await self.module.acompletion(**self.chat)).choices[0].message.content)

    def stream(self) -> int:
        stream = self.module.completion(**self.chat, stream=True)
        return sum(len(chunk.choices[0].delta.content or "") for chunk in stream)

    async def astream(self) -> int:
        stream = await self.module.acompletion(**self.chat, stream=True)
        return sum([len(chunk.choices[0].delta.content or "") async for chunk in stream])

    def embed(self) -> int:
        answer = self.module.embedding(model="openai/text-embedding-3-small", input=[TEXT], **self.options)
        return len(answer.data[0]["embedding"])


class AnyLLM:
    """any-llm's clients of one provider."""

    def __init__(self, base_url: str) -> None:
        module: Any = importlib.import_module("any_llm")
        self.client = module.AnyLLM.create("openai", api_key=KEY, api_base=base_url)

    def call(self) -> int:
        return len(self.client.completion(model="gpt-4o", messages=MESSAGES).choices[0].message.content)

    async def acall(self) -> int:
        answer = await self.client.acompletion(model="gpt-4o", messages=MESSAGES)
        return len(answer.choices[0].message.content)

    def stream(self) -> int:
        stream = self.client.completion(model="gpt-4o", messages=MESSAGES, stream=True)
        return sum(len(chunk.choices[0].delta.content or "") for chunk in stream)

    async def astream(self) -> int:
        stream = await self.client.acompletion(model="gpt-4o", messages=MESSAGES, stream=True)
        return sum([len(chunk.choices[0].delta.content or "") async for chunk in stream])


PEERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "openai": ("openai", OpenAI),
    "litellm": ("litellm", LiteLLM),
    "any-llm": ("any-llm-sdk", AnyLLM),
}
"""The name of a row, the distribution, and the side."""


def installed() -> dict[str, MakeSide]:
    found = {}
    for name, (distribution, side) in PEERS.items():
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            print(f"{distribution} is not installed", file=sys.stderr)
        else:
            print(f"{name} is {version}", file=sys.stderr)
            found[name] = side
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="only measurements whose name contains NAME")
    parser.add_argument("--seconds", type=float, default=8.0, help="time for each comparison (default: 8)")
    options = parser.parse_args()
    clean_environment()
    peers = installed()
    with upstream() as origin:
        loop = asyncio.new_event_loop()
        for scenario in SCENARIOS:
            if options.only in scenario.name:
                able = {name: make for name, make in peers.items() if hasattr(make, scenario.method)}
                for row in measure(scenario, origin, options.seconds, loop, able):
                    show(row, as_json=True)


if __name__ == "__main__":
    main()
