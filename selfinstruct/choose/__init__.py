"""What is kept of a dataset."""
