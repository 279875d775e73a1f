"""One self-contained page on a run."""
