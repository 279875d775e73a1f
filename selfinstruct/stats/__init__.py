"""The figures of a run, as `selfinstruct stats` prints and `selfinstruct report` draws them."""

from selfinstruct.stats.counts import PAPER, Counts, Histogram
from selfinstruct.stats.course import Moment, Stretch
from selfinstruct.stats.defects import Defects, Marks, find_defects
from selfinstruct.stats.labels import Labels
from selfinstruct.stats.likeness import Pair
from selfinstruct.stats.quality import PAPER_QUALITY, Quality, judgements_of
from selfinstruct.stats.summary import SCHEMA, Stats, measure
from selfinstruct.stats.verbs import Verb, Verbs

__all__ = [
    "PAPER",
    "PAPER_QUALITY",
    "SCHEMA",
    "Counts",
    "Defects",
    "Histogram",
    "Labels",
    "Marks",
    "Moment",
    "Pair",
    "Quality",
    "Stats",
    "Stretch",
    "Verb",
    "Verbs",
    "find_defects",
    "judgements_of",
    "measure",
]
