"""The SDK snippets of LiteLLM's OpenAI page, as code, with `litellm` called `llmgate_core`; data.

Left out: comments, and functions that a snippet defines and never calls. Those of its proxy are the
gateway's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SNIPPETS"]

SNIPPETS: Mapping[str, str] = MappingProxyType(
    {
        "usage": """
import os
from llmgate_core import completion

os.environ["OPENAI_API_KEY"] = "your-api-key"

response = completion(
    model = "gpt-4o",
    messages=[{ "content": "Hello, how are you?","role": "user"}]
)
""",
        "metadata": """
completion(
    model="gpt-4o",
    messages=[{"role": "user", "content": "hi"}],
    metadata= {"custom_meta_key": "value"},
)
""",
        "optional keys": """
import os

os.environ["OPENAI_ORGANIZATION"] = "your-org-id"
os.environ["OPENAI_BASE_URL"] = "https://your_host/v1"
""",
        "search model": """
from llmgate_core import completion

response = completion(
    model="openai/gpt-5-search-api",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    web_search_options={
        "search_context_size": "medium"
    }
)
""",
        "search tool": """
from llmgate_core import responses

response = responses(
    model="openai/gpt-5",
    input="What is the capital of France?",
    tools=[{
        "type": "web_search_preview",
        "search_context_size": "low"
    }]
)
""",
        "vision": """
import os
from llmgate_core import completion

os.environ["OPENAI_API_KEY"] = "your-api-key"

response = completion(
    model = "gpt-4-vision-preview",
    messages=[
        {
            "role": "user",
            "content": [
                {
                    "type": "text",
                    "text": "What's in this image?"
                },
                {
                    "type": "image_url",
                    "image_url": {
                        "url": "https://host.example/picture.png"
                    }
                }
            ]
        }
    ],
)
""",
        "pdf": """
import base64
from llmgate_core import completion

with open("draconomicon.pdf", "rb") as f:
    data = f.read()

base64_string = base64.b64encode(data).decode("utf-8")

completion = completion(
    model="gpt-4o",
    messages=[
        {
            "role": "user",
            "content": [
                {
                    "type": "file",
                    "file": {
                        "filename": "draconomicon.pdf",
                        "file_data": f"data:application/pdf;base64,{base64_string}",
                    }
                },
                {
                    "type": "text",
                    "text": "What is the first dragon in the book?",
                }
            ],
        },
    ],
)

print(completion.choices[0].message.content)
""",
        "reasoning content": """
response = llmgate_core.completion(
    model="openai/responses/gpt-5-mini",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    reasoning_effort="low",
)
""",
        "effort as text or object": """
response = llmgate_core.completion(
    model="openai/responses/gpt-5-mini",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    reasoning_effort="high"
)

response = llmgate_core.completion(
    model="openai/responses/gpt-5-mini",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    reasoning_effort={"effort": "high", "summary": "auto"}
)
""",
        "verbosity": """
import llmgate_core

response = llmgate_core.completion(
    model="gpt-5.1",
    messages=[{"role": "user", "content": "Write a function to reverse a string"}],
    verbosity="low"
)

response = llmgate_core.completion(
    model="gpt-5.1",
    messages=[{"role": "user", "content": "Explain how neural networks work"}],
    verbosity="high"
)
""",
        "tools and effort": """
response = llmgate_core.completion(
    model="openai/responses/gpt-5.4",
    messages=[{"role": "user", "content": "What's the weather?"}],
    tools=[...],
    reasoning_effort="low",
)
""",
        "built-in tool on chat": """
response = llmgate_core.completion(
    model="gpt-4o",
    messages=[{"role": "user", "content": "What is the weather in Paris today?"}],
    tools=[{"type": "web_search_preview"}],
)
""",
        "built-in tool by prefix": """
response = llmgate_core.completion(
    model="openai/responses/gpt-4o",
    messages=[{"role": "user", "content": "What is the weather in Paris today?"}],
    tools=[{"type": "web_search_preview"}],
)
""",
        "mode responses": """
import llmgate_core
import os

os.environ["OPENAI_API_KEY"] = "sk-1234"

response = llmgate_core.completion(
    model="o3-deep-research-2025-06-26",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    tools=[
        {"type": "web_search_preview"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
    ],
)
print(response)
""",
        "mode chat": """
import llmgate_core
import os

os.environ["OPENAI_API_KEY"] = "sk-1234"

response = llmgate_core.completion(
    model="openai/responses/gpt-4o",
    messages=[{"role": "user", "content": "What is the weather in Paris today?"}],
    tools=[
        {"type": "web_search_preview"},
    ],
)
print(response)
""",
        "transcription": """
from llmgate_core import transcription
import os

os.environ["OPENAI_API_KEY"] = ""
audio_file = open("/path/to/audio.mp3", "rb")

response = transcription(model="gpt-4o-transcribe", file=audio_file)

print(f"response: {response}")
""",
        "headers": """
llmgate_core.return_response_headers = True

response = completion(
    model="gpt-4o-mini",
    messages=[
        {
            "role": "user",
            "content": "hi",
        }
    ],
)
print(f"response: {response}")
print("_response_headers=", response._response_headers)
""",
        "headers of a stream": """
llmgate_core.return_response_headers = True

response = completion(
    model="gpt-4o-mini",
    stream=True,
    messages=[
        {
            "role": "user",
            "content": "hi",
        }
    ],
)
print(f"response: {response}")
print("response_headers=", response._response_headers)
for chunk in response:
    print(chunk)
""",
        "headers of an embedding": """
llmgate_core.return_response_headers = True

embedding_response = llmgate_core.embedding(
    model="text-embedding-ada-002",
    input="hello",
)

embedding_response_headers = embedding_response._response_headers
print("embedding_response_headers=", embedding_response_headers)
""",
        "parallel function calling": """
import llmgate_core
import json
import os
os.environ['OPENAI_API_KEY'] = ""

messages = [{"role": "user", "content": "What's the weather like in San Francisco, Tokyo, and Paris?"}]
tools = [
    {
        "type": "function",
        "function": {
            "name": "get_current_weather",
            "description": "Get the current weather in a given location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {
                        "type": "string",
                        "description": "The city and state, e.g. San Francisco, CA",
                    },
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["location"],
            },
        },
    }
]

response = llmgate_core.completion(
    model="gpt-3.5-turbo-1106",
    messages=messages,
    tools=tools,
    tool_choice="auto",
)
print(response)
response_message = response.choices[0].message
tool_calls = response.choices[0].message.tool_calls
""",
        "extra headers": """
import os
from llmgate_core import completion

os.environ["OPENAI_API_KEY"] = "your-api-key"

response = completion(
    model = "gpt-3.5-turbo",
    messages=[{ "content": "Hello, how are you?","role": "user"}],
    extra_headers={"AI-Resource Group": "ishaan-resource"}
)
""",
        "organization": """
import os
from llmgate_core import completion

os.environ["OPENAI_API_KEY"] = "your-api-key"
os.environ["OPENAI_ORGANIZATION"] = "your-org-id"

response = completion(
    model = "gpt-3.5-turbo",
    messages=[{ "content": "Hello, how are you?","role": "user"}]
)
""",
        "organization of a call": """
llmgate_core.completion(model=model, messages=messages, organization="your-organization-id")
""",
        "organization of the module": """
llmgate_core.organization="your-organization-id"
llmgate_core.completion(model=model, messages=messages)
""",
        "ssl_verify": """
import llmgate_core, httpx

llmgate_core.client_session = httpx.Client(verify=False)
response = llmgate_core.completion(
    model="gpt-3.5-turbo",
    messages=messages,
)
""",
        "ssl_verify, async": """
import llmgate_core, httpx

llmgate_core.aclient_session = httpx.AsyncClient(verify=False)
response = llmgate_core.acompletion(
    model="gpt-3.5-turbo",
    messages=messages,
)
""",
        "proxy": """
import os
import llmgate_core
from llmgate_core import completion

os.environ["OPENAI_API_KEY"] = ""

llmgate_core.api_base = "https://your_host/v1"

messages = [{ "content": "Hello, how are you?","role": "user"}]

response = completion("openai/your-model-name", messages)
""",
        "api_base of a call": """
completion("openai/your-model-name", messages, api_base="https://your_host/v1")
""",
        "gpt-5-pro": """
response = completion(
    model="gpt-5-pro",
    messages=[{"role": "user", "content": "Solve this complex reasoning problem..."}]
)
""",
    }
)
