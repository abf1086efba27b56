"""From the upstream's bytes to canonical data: server-sent events, errors, whole results, streams.

Pure: bytes in, data out. Nothing here waits.
"""
