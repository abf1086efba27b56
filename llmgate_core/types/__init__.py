"""Typed results, one module a family, loaded when the family is first called."""
