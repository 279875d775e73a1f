"""The cost of calls, and the caps."""
