"""Our own options: settings, the environment variables behind them, and which of several sources wins.

The environment is read in `environment` and nowhere else.
"""
