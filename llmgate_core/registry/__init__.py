"""Which plugin serves a call: installed entry points, loaded plugins, their hooks, and the router.

Nothing here sends a request or reads a response.
"""
