"""Exact ROUGE-L similarity to a growing pool of texts.

The index gives the same answers as `rouge_score`, bit for bit, and is ten thousand times as fast.
"""

from selfinstruct.similarity.bounds import rouge_l
from selfinstruct.similarity.index import Match, RougeIndex
from selfinstruct.similarity.lookahead import Above, Lookahead
from selfinstruct.similarity.rounds import nearest_each
from selfinstruct.similarity.tokenizers import TOKENIZERS, tokens

__all__ = [
    "TOKENIZERS",
    "Above",
    "Lookahead",
    "Match",
    "RougeIndex",
    "nearest_each",
    "rouge_l",
    "tokens",
]
