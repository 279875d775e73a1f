"""Datasets of the field as runs."""
