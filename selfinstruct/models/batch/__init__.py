"""Requests through a batch endpoint."""
