"""Who may call, and how much: keys, limits, browser origins, and the stores behind them."""
