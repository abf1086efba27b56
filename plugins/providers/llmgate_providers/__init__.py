"""Providers that speak the OpenAI API, for llmgate: each is a row of data in `rows/`.

`row.py` reads a row, `row_schema.py` checks it, `row_plugin.py` makes a plugin of it, and `quirks/` has what a row may
say about requests and answers. `plugins.py` is where the entry points lead.
"""
