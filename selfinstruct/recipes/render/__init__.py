"""The recipe `render`: templates over the rows of datasets."""
