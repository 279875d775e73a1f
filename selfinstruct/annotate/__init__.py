"""What a model thinks of a run's examples: the paper's three questions (section 3.3, table 2), a score, and why.

DIR/judgements.jsonl      one line an example, in the order of the examples: what others read (view.RunView.judgements)
DIR/judge/judge.json      the judge whose lines those are
DIR/judge/lock            who is judging; never the run's own lock, so that `generate` may go on meanwhile
DIR/judge/NAME/           one folder for every judge that was ever asked: completions.jsonl, spending.jsonl, its template
"""
