"""Topics and personas: the matter of an item, and the person who asks.

A list comes from a file, or from the model before the first item (`auto`): a tree whose branches
are asked for first and whose leaves are the list. The replies are on record like all others. The
entries are dealt out to the items: each comes once before any comes a second time. The engine shows
an item's topic and persona to the stages that draft (`Question.has_theme`) and writes them into the
provenance of the examples.
"""
