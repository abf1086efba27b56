"""Pass requests on without typed results, for servers that embed us: bytes in, bytes out.

Only `serving` and the clients import this.
"""
