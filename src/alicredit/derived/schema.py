"""Every table that features may read: those written down, and those made of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alicredit.derived.declaration import DerivedTable
from alicredit.derived.loan_tables import LOAN_DUES
from alicredit.derived.peer_tables import PEER_POWER, PEER_RATINGS, PEER_SALES, SALES_BY_DAY
from alicredit.derived.use_tables import CUSTOMS_CNY, CUSTOMS_PRICES, LOAN_EFFECTS, LOAN_SPENDING
from alicredit.records import TABLES as WRITTEN
from alicredit.records import Table

DERIVED: Mapping[str, DerivedTable] = MappingProxyType(
    {
        each.name: each
        for each in (
            LOAN_DUES,
            LOAN_EFFECTS,
            LOAN_SPENDING,
            SALES_BY_DAY,
            CUSTOMS_PRICES,
            CUSTOMS_CNY,
            PEER_SALES,
            PEER_RATINGS,
            PEER_POWER,
        )
    }
)
"""Every derived table by its name."""

TABLES: Mapping[str, Table] = MappingProxyType(
    {**WRITTEN, **{name: derived.table for name, derived in DERIVED.items()}}
)
"""Declaration of every table by its name, whether written down or derived."""
