"""Turn the model lists of other projects into catalogue files: one module for each shape, pure."""
