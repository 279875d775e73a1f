"""Datasets as streams of records, and the instructions in them.

JSON Lines, JSON, CSV, TSV and Parquet, plain or compressed, from files or standard streams. No
dataset is held whole: `Source` yields and `writing` takes record after record. The module
`collected` reads prompts, in any of the usual shapes.
"""

from selfinstruct.records.formats import FORMATS, STDIO
from selfinstruct.records.reading import OnRead, Source
from selfinstruct.records.record import Bad, Record
from selfinstruct.records.tables import table
from selfinstruct.records.writing import Write, as_json, writing

__all__ = [
    "FORMATS",
    "STDIO",
    "Bad",
    "OnRead",
    "Record",
    "Source",
    "Write",
    "as_json",
    "table",
    "writing",
]
