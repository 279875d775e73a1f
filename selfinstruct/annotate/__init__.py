"""What a model thinks of a run's examples: the paper's three questions (section 3.3, table 2), a score, and why.

DIR/judgements.jsonl      one line an example, in the order of the examples: what others read (view.RunView.judgements)
DIR/judge/judge.json      the judge whose lines those are
DIR/judge/lock            who is judging; never the run's own lock, so that `generate` may go on meanwhile
DIR/judge/NAME/           one folder for every judge that was ever asked: completions.jsonl, spending.jsonl, its template
"""

from __future__ import annotations

from selfinstruct.annotate.judgement import Judgement
from selfinstruct.annotate.judges import Judge
from selfinstruct.annotate.quality import PAPER, Quality, quality, wilson
from selfinstruct.annotate.review import Review
from selfinstruct.annotate.settings import settled

__all__ = ["PAPER", "Judge", "Judgement", "Quality", "Review", "quality", "settled", "wilson"]
