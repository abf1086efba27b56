"""Three extensions: a log of costs, a guard that refuses words, and a mask for e-mail addresses."""
