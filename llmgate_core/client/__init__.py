"""The clients and the module-level functions: what a caller writes, and what comes back.

Signatures and wiring only; preparing and sending are in `calls`.
"""
