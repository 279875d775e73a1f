"""Daily chat: the recipe, its settings, its three styles, the filters of turns."""
