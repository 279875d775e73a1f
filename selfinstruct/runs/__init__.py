"""A run directory: what is written, resumed, verified and shown of it."""
