"""Templates over the rows of datasets: read, checked, and rendered in a sandbox.

A template is a program that somebody else has written. Only the data of a row are within its reach,
and its work for a row is bounded by counting steps, so that equal rows have equal results on every
machine. The room owns jinja2.
"""
