"""The endpoint families and OpenAI's HTTP paths for them, as data.

An operation is one row in `families` and one in `openai`. No provider besides OpenAI's wire format belongs here.
"""
