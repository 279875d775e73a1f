"""A model's judgement of a run's examples: the paper's three questions, a score, and the reasons.

The questions are those of section 3.3, table 2.

DIR/judgements.jsonl  a line for each example, in the order of the examples, for later readers
                      (`view.RunView.judgements`)
DIR/judge/judge.json  the judge who gave those lines
DIR/judge/lock        the running judge; never the run's own lock, so that `generate` may go on
DIR/judge/NAME/       a folder for every judge that was ever asked: completions.jsonl,
                      spending.jsonl, its template
"""
