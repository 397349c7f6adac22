"""Every table of a platform's records, declared once as data, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from alicredit.records.credit_tables import CREDIT_TABLES
from alicredit.records.declaration import KINDS, Column, Table
from alicredit.records.platform_tables import PLATFORM_TABLES, REGION_FIELDS

__all__ = ["KINDS", "REGION_FIELDS", "TABLES", "Column", "Table"]

TABLES: Mapping[str, Table] = MappingProxyType(
    {table.name: table for table in (*PLATFORM_TABLES, *CREDIT_TABLES)}
)
"""Every declared table by its name."""
