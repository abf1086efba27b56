"""Files that callers give us and files that we write: what counts as a file, the bytes of a form, atomic writes.

Nothing here knows an endpoint or sends anything.
"""
