"""Unnatural Instructions (Honovich et al., 2022): the recipe, its settings, the tasks it shows."""
