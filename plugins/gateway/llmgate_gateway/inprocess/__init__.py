"""The gateway without a port: transports for httpx and httpx2 that call the app directly."""
