"""Ollama: its OpenAI-compatible paths, and its own API for what these do not have.

`names.py` has the parameters as tables, `plugin.py` chooses the API, `request.py` and `messages.py` make requests of
Ollama's own API, `answer.py` and `stream.py` read its answers.

Source: Ollama's API documentation (docs/api.md, docs/openai.md of its repository).
"""
