"""What was written down: tables, reading, findings."""

from alicredit.records.data_use import DataUse
from alicredit.records.facts import fact_sql, quoted
from alicredit.records.findings import find_problems, merchants_in_error
from alicredit.records.reading import read_records, require_records
from alicredit.records.records import Records
from alicredit.records.schema import KINDS, TABLES, Column, Table
from alicredit.records.writing import write_records

__all__ = [
    "KINDS",
    "TABLES",
    "Column",
    "DataUse",
    "Records",
    "Table",
    "fact_sql",
    "find_problems",
    "merchants_in_error",
    "quoted",
    "read_records",
    "require_records",
    "write_records",
]
