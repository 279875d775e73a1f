"""Exact ROUGE-L novelty: an index that answers as `rouge_score` does, bit for bit, and ten thousand times faster."""

from selfinstruct.similarity.index import Match, RougeIndex, rouge_l
from selfinstruct.similarity.rounds import nearest_each
from selfinstruct.similarity.tokenizers import TOKENIZERS, tokens

__all__ = ["TOKENIZERS", "Match", "RougeIndex", "nearest_each", "rouge_l", "tokens"]
