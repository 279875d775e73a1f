"""Dynosaur: annotated datasets become tasks. recipe.py is the recipe; its docstring the card."""
