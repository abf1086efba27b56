"""The conformance kit: checks that a plugin keeps the contract, for plugins of anyone.

A class of checks for each family (`families.py`), put together from one module a theme; a `Wire` says how the
provider's answers look. pytest is not needed to run the checks, and is not imported here.

Source: docs/plugins/testing.md.
"""
