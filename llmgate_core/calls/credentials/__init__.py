"""Tokens that plugins fetch: which are kept, how one is fetched for all calls that wait for it.

How a request is authorized with one is in `sending`.
"""
