"""Ways of making data."""
