"""An agent in a loop: the model calls functions until it has an answer.

OPENAI_API_KEY=sk-... python agent_loop.py "What is the weather in Paris?"
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from llmgate_core import completion

MAX_TURNS = 8


def get_weather(city: str) -> str:
    """Return the weather of a city. A real one would ask a weather service."""
    return f"{city}: 12 degrees, light rain"


FUNCTIONS: dict[str, Callable[..., str]] = {"get_weather": get_weather}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def run_agent(question: str, *, model: str = "openai/gpt-4o-mini") -> str:
    """Return the model's answer, after as many function calls as it wants to make.

    Raises:
        RuntimeError: no answer after MAX_TURNS turns.
    """
    messages: list[Any] = [{"role": "user", "content": question}]
    for _ in range(MAX_TURNS):
        message = completion(model, messages, tools=TOOLS).choices[0].message
        messages.append(message)  # the message object itself goes back
        if not message.tool_calls:
            return message.content or ""
        for call in message.tool_calls:
            result = call_function(call.function)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    raise RuntimeError(f"no answer after {MAX_TURNS} turns")


def call_function(function: Any) -> str:
    """Call the function that the model names. A mistake is a result too: the model reads it and tries again."""
    try:
        result = FUNCTIONS[function.name](**json.loads(function.arguments))
    except (KeyError, TypeError, ValueError) as error:
        result = f"error: {type(error).__name__}: {error}"
    print(f"{function.name}({function.arguments}) -> {result}")
    return result


if __name__ == "__main__":
    print(run_agent(" ".join(sys.argv[1:]) or "What is the weather in Paris?"))
