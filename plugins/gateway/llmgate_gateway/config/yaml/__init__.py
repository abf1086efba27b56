"""Reading YAML with positions, collecting problems as file:line:col, and reading os.environ/NAME values."""
