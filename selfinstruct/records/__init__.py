"""Datasets as streams of records: JSON Lines, JSON, CSV, TSV and Parquet, plain or compressed, files or standard streams.

Nothing is held whole: `Source` yields one record at a time, `writing` takes one at a time.
"""

from selfinstruct.records.formats import FORMATS, STDIO
from selfinstruct.records.reading import Bad, Record, Source
from selfinstruct.records.tables import table
from selfinstruct.records.writing import Write, as_json, writing

__all__ = ["FORMATS", "STDIO", "Bad", "Record", "Source", "Write", "as_json", "table", "writing"]
