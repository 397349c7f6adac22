"""Tables made of other facts: what a feature reads that nobody wrote down as such."""

from alicredit.derived.declaration import DerivedTable
from alicredit.derived.derive import DerivedRecords, base_tables, derive_tables
from alicredit.derived.schema import DERIVED, TABLES

__all__ = [
    "DERIVED",
    "TABLES",
    "DerivedRecords",
    "DerivedTable",
    "base_tables",
    "derive_tables",
]
