"""A model's view of examples: a judge's verdicts, and how likely a scorer finds their outputs.

A judge answers the paper's three questions (section 3.3, table 2) with a score and a reason. A
scorer writes nothing, but tells log-probabilities, from which uncertainty and fit are worked out.

DIR/judgements.jsonl   a line for each example, in the order of the examples, for later readers
                       (`view.RunView.judgements`)
DIR/uncertainty.jsonl  and the other files of a scorer (measures.py)
DIR/judge/judge.json   the judge who gave those lines
DIR/judge/lock         the running judge; never the run's own lock, so that `generate` may go on
DIR/judge/NAME/        a folder for every judge that was ever asked: completions.jsonl,
                       spending.jsonl, its template
DIR/uncertainty/       the same for scorers
"""
