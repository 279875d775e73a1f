"""Verification: gates that an example passes before it is committed, and its second attempt.

A gate is a model, the expression parser, or a run of the program that an output holds. gates.py
has the gates in their order, sandbox.py runs programs.
"""
