"""The shape of the config file, as pydantic models: one module per section."""
