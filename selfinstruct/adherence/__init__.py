"""Instruction adherence: constraints on a response that a program can verify.

The 25 types of IFEval (Zhou et al., 2023) and some further types. catalogue.py lists the types,
scoring.py scores recorded answers, choice.py draws constraints for a task. Nothing here asks a
model or a network.
"""

from selfinstruct.adherence.constraint import Constraint, Imposed

__all__ = ["Constraint", "Imposed"]
