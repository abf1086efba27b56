"""What operators see: request records, access log, metrics, traces.

No key and no client's value may reach any of these but the content log, which is off by default.
"""
