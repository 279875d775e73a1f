"""Selection: the examples and records of a dataset that are kept."""
