"""Sentences of the scripted model, with slots such as {topic} that phrases.py fills.

Rules that keep every combination grammatical: `quality`, `material` and `business` begin with a
consonant, since they follow "a". `subject` is a plural or a mass noun. Nothing agrees with a
`topic`. No word here makes the filters drop an instruction.
"""

from __future__ import annotations

# Instructions without an input.
SELF_CONTAINED = """Write a {quality} {doc} about {topic} for {audience}.
Compose a {quality} {doc} in which {persona} talks about {topic}, {constraint}.
Explain the {aspect} of {topic} to {audience} {constraint}.
What {things} should {audience} know about {topic} {situation}?
List {count} {things} that {audience} could use when they think about {topic}.
Compare {topic} with {topic} with regard to {aspect} and {aspect}.
As {persona}, describe a {quality} day with {topic} {situation}.
Suggest {count} {quality} {things} for {audience} who are new to {topic}.
How could {persona} improve the {aspect} of {topic} {situation}?
Why does the {aspect} of {topic} matter to {audience} {situation}?
Plan a {span} {event} on {topic} for {audience}, with an eye on {aspect}.
Argue for or against {topic} as {persona} would, {constraint}.
Stage a {quality} dialogue on {topic} between {persona} and {persona}.
Invent {count} {quality} names for a {business} that specializes in {topic}.
Outline a {quality} {doc} that teaches {audience} the basics of {topic}.
{name} wants to learn about {topic} {situation}. Recommend {count} first steps {constraint}.
Tell a {quality} story about {topic} in which {persona} loses {object}.
Design a {quality} {event} where {audience} can try out {topic}.
Give {audience} {count} hints on {topic} that respect both {aspect} and {aspect}.
Draft an email from {persona} to {audience} on {topic} {situation}.
Describe the {aspect} of {topic} the way {persona} would, {constraint}.
{name}, {persona}, spends {number} {currency} on {topic} and {number} on {objects}. How much is left of {number}?
Work out what {audience} pay {situation} for {number} {objects} at {small} {currency} each and {topic} at {number}.
Which {things} would {persona} choose in order to present {topic} to {audience}?
Discuss whether {audience} should support {topic} through {source}.
Predict how {topic} could change the {aspect} of {topic}.
Create a weekly schedule for {persona}, who combines {topic} with {topic}.
Prepare {count} questions on {topic} that {persona} could ask {audience}.
Recall {topic} {situation} in a {quality} {doc} by {persona}.
Build a glossary of {count} terms on {topic} for {audience} {situation}.
Propose a {quality} slogan and a {quality} {doc} for a campaign about {topic}.
Advise {audience} on the {aspect} of {topic} {situation}, {constraint}.
Should {audience} pay for {topic}? Answer {constraint}.
Name {count} {things} that separate {topic} from {topic}.
Estimate how many {objects} {persona} needs for {topic} {situation}.
Reflect the way {persona} might on {topic} {situation}.
Rank {source}, {source} and {source} as ways to support {topic}, {constraint}.
Reassure {name}, {persona}, about {topic} with {count} {quality} {things}.
Sketch {count} ways in which {object} helps {audience} with {topic}.
Devise a {quality} riddle on {topic} whose answer is {object}, {constraint}.
Teach {audience} to spot poor {aspect} in {topic}, {constraint}.
Apologize to {audience} for {mishap} and mention {topic}, {constraint}.
Brainstorm {count} {things} on {topic} for {persona} after {mishap}.
Persuade {persona} to swap {object} for {topic}, {constraint}.
Who profits from {topic} {situation}, {audience} or {audience}?
Trace the history of {topic} in {count} {quality} sentences for {audience}.
Write about {mishap} and {topic} as {name}, {persona}, {constraint}.
Develop a {quality} checklist on {topic} for {audience} {situation}.
Under what conditions would {persona} give up {topic} in favour of {topic}?
Review an imaginary {business} {place} known for {topic}, {constraint}.
Congratulate {name}, {persona}, on {number} years of work with {topic}.
Debunk {count} {quality} myths about {topic} that {audience} often believe.
Choose between {object} and {topic} for {audience} {situation}.
What would {persona} do about {topic} {situation}?
Write Python code for {audience} that prints the {aspect} of {topic} as {format}.
Budget {number} {currency} for {topic} {situation}, {constraint}.""".splitlines()

# Instructions with an input; "given", "following", "below" and the like say so.
WITH_INPUT = """Summarize the given {material} on {topic} {constraint}.
Rewrite the following {material} on {topic} for {audience}, {constraint}.
Translate the {material} below on {topic} into {language} for {audience}.
From the supplied {material} about {topic}, extract each {field} as {format}.
Given a {material} by {persona}, list {count} {things} concerning {topic}.
Correct {errors} in the following {material} on {topic} for {audience}.
Turn the notes below on {topic} into a {quality} {doc} for {audience}.
With the provided {material} on {topic}, answer {persona} {constraint}.
Name {count} {things} that {audience} miss in the {material} below on {topic}.
Continue the following {material} about {topic} until {persona} finds {object}.
Convert the given {material} on {topic} into {format}, ordered by {field}.
Find {count} {things} for {audience} in the provided {material} on {topic}.
Reply as {persona} to the following {material} on {topic} {situation}.
Shorten the {material} below on {topic} to {number} words for {audience}.
Add {count} {quality} examples about {topic} to the given {material}.
What does the following {material} tell {audience} about the {aspect} of {topic}?
Judge the given {material} on {topic} for {aspect} and {aspect}, {constraint}.
Infer {count} {things} of {persona} from the {material} below on {topic}.
Adapt the supplied {material} for {audience} by replacing {topic} with {topic}.
Split the following {material} about {topic} into {count} {things} for {audience}.
As {persona}, answer the question below on {topic} for {audience}.
Give the {material} below on {topic} a {quality} headline for {audience}.
Explain the given code on {topic} to {audience}, {constraint}.
Sort the {objects} listed below for {topic} by {field} and {aspect}.
Edit the provided {material} on {topic} to sound {quality} to {audience}.
Fill in each {field} missing below in a {material} on {topic} {situation}.
Does the {material} below contradict {persona} on the {aspect} of {topic}?
Replace each {field} in the given {material} on {topic} to suit {audience}.
Add up what {audience} pay for {topic} and {objects}, given in {currency}.
Simplify the following {material} on {topic} for {audience} {situation}.""".splitlines()

# Classifications, which name their labels.
CLASSIFY = """Classify the given {material} about {topic} by {persona} as {labels}.
Is the following {material} by {persona} on {topic} {labels}?
Label the {material} below on {topic}, written {situation}, as {labels}.
Is the supplied {material} on the {aspect} of {topic} {labels}?
Determine if what {audience} say about {topic} in the given {material} sounds {labels}.
Assign the following {material} on {topic} by {persona} to {labels}.
Tag the {material} below on {topic} for {audience}: {labels}.
Tell whether {name}, {persona}, finds the given {material} on {topic} {labels}.
Sort the following {things} of {audience} on {topic} into {labels}.
For {persona}, mark the provided {material} concerning {topic} as {labels}.
Would {persona} call the {aspect} of {topic} in the following {material} {labels}?
Judge the tone of a {material} on {topic} for {audience}: {labels}.
Given a {material} on {topic} sent {situation}, choose {labels}.
{name}, {persona}, got a {material} on {topic}. Categorize it as {labels}.""".splitlines()

# Inputs: sentences about a {keyword} of the instruction.
SENTENCES = """{name} wrote about {keyword} after {mishap} {place}.
Last {weekday}, {number} {word} arrived {place} because of {keyword}.
The {quality} part is {keyword}; {persona} took care of it {situation}.
We paid {number} {currency} for {objects}, and {keyword} came on top.
"Never underestimate {keyword}," said {name}, {persona} {place}.
{name} and {name} met {situation} to talk about {keyword}.
Nobody {place} had heard of {keyword} until {persona} brought {object}.
There were {small} {objects} on the table and a {quality} note on {keyword}.
My order of {number} {objects} never came, although {name} promised it {situation}.
In {year}, {audience} {place} voted on {keyword}.
This time, {persona} left {object} behind {situation}.
The meeting about {keyword} starts at {small} o'clock, {situation}.""".splitlines()

# Outputs.
ANSWERS = """Start with {keyword}: {advice}, because {reason}.
As for {keyword}, {advice} and remember that {reason}.
Many {audience} tend to overlook {keyword}, yet {reason}.
A {quality} way to look at {keyword} is to ask what {persona} would do.
First {advice}; then {advice}.
For {keyword}, {number} {currency} and {small} days are enough if you {advice}.
The main point is {keyword}, since {reason}.
{name} did this {situation} and found that {reason}.
In short, judge {keyword} by {aspect} and {aspect}.
Think of {keyword} as {object}: {quality}, but only useful when you {advice}.
Whatever you decide about {keyword}, {advice}.
Compared with {mishap}, you may call {keyword} a {quality} problem.
Two things matter here, {aspect} and {keyword}.
To sum up, {advice}.""".splitlines()

# Groups of labels for classifications.
LABELS = tuple(
    tuple(line.split("/"))
    for line in """urgent/routine
positive/negative/neutral
formal/informal
fact/opinion
spam/genuine
polite/rude
literal/figurative
complete/incomplete
question/request/complaint
safe/risky
relevant/irrelevant
serious/humorous
optimistic/pessimistic
sincere/sarcastic
public/private
cheap/fair/overpriced
sports/politics/science
biased/balanced
sweet/salty/sour
beginner/intermediate/expert
indoors/outdoors
supported/contradicted
solved/unsolved
praise/criticism
legal/financial/technical
past/present/future
persuasive/unconvincing
animal/plant/mineral
refund/exchange/repair
clear/vague
objective/subjective
healthy/unhealthy
trustworthy/doubtful
domestic/foreign
joy/anger/sadness/fear
approve/reject
reversible/irreversible
warning/invitation/reminder""".splitlines()
)
