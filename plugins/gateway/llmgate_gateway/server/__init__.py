"""The process that listens: protocol, workers, supervisor, watchdog, reload, signals.

Nothing here knows a model or a route of the API.
"""
