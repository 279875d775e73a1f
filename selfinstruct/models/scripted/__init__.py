"""The scripted model, which needs no network: model.py, and a file for each kind of reply."""
