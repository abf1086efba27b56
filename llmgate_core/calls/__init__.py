"""One call from arguments to result: prepare the request, send it, retry, read the response.

What a parameter, a path or a response means is decided in lower rooms.
"""
