"""Routes that the gateway answers by itself: home page, health, OpenAPI description, explain."""
