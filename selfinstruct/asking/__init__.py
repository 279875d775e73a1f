"""Asking a model: stages, templates, the settings of an endpoint, a sitting of paid work."""
