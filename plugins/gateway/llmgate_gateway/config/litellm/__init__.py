"""LiteLLM's configuration keys and what becomes of each of them here."""
