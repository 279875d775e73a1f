"""Requests through a provider's batch endpoint."""
