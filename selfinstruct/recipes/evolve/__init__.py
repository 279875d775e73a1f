"""Evol-Instruct (Xu et al., 2023): the recipe, its settings, the elimination of children."""
