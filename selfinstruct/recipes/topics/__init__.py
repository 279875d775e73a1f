"""Topics and personas: the matter of an item, and the person who asks.

A list comes from a file, or from the model before the first item (`auto`): a tree whose branches
are asked for first and whose leaves are the list. The replies are on record like all others. Each
item draws its topic and its persona by a generator of its own. The engine shows both to the stages
that draft (`Question.has_theme`) and writes them into the provenance of the examples.
"""
