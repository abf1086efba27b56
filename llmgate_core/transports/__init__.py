"""The wires that requests go out on; each module holds one, and nothing is imported here."""
