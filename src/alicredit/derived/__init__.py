"""Tables made of other facts: what a feature reads that nobody wrote down as such."""

from alicredit.derived.declaration import PEERS, DerivedTable, RowsOf
from alicredit.derived.derive import DerivedRecords, base_tables, derive_tables
from alicredit.derived.peers import ask_of_peers, derive_recent
from alicredit.derived.schema import DERIVED, TABLES
from alicredit.derived.sums import sum_of_part
from alicredit.derived.use_tables import MOVED_AWAY

__all__ = [
    "DERIVED",
    "MOVED_AWAY",
    "PEERS",
    "TABLES",
    "DerivedRecords",
    "DerivedTable",
    "RowsOf",
    "ask_of_peers",
    "base_tables",
    "derive_recent",
    "derive_tables",
    "sum_of_part",
]
