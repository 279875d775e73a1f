"""Annotated datasets as sources: rows with their card, class labels by name.

A dataset is named by one of these, with `@CONFIG` and `:SPLIT` behind it where there are several:

- a file that `records` reads, or a run;
- a folder of such files, as on the Hugging Face Hub, with or without a card (README.md);
- a folder that the library `datasets` has saved, or a name on the Hub (extra `datasets`).

`open_dataset` gives a `Dataset`, which yields its rows anew at every iteration and holds none.
"""

from selfinstruct.records.datasets.card import Card
from selfinstruct.records.datasets.dataset import BadRow, Dataset, Row
from selfinstruct.records.datasets.features import Feature
from selfinstruct.records.datasets.opening import open_dataset
from selfinstruct.records.datasets.paths import leaves, value_at

__all__ = ["BadRow", "Card", "Dataset", "Feature", "Row", "leaves", "open_dataset", "value_at"]
