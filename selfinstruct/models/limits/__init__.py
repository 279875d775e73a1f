"""Limits of endpoints: calls at once, calls and tokens a minute."""
