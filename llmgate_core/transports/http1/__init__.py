"""Our own HTTP/1.1 client: connections, their pool, and the response parser.

It knows bytes, sockets and deadlines, and nothing of models, providers or JSON.
"""
