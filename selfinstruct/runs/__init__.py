"""A run directory: written, resumed, verified and shown."""
