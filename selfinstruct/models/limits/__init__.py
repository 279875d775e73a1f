"""How many calls at once, and how many a minute."""
