"""Who may call: keys, limits of what is in flight, browser origins."""
