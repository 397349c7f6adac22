"""Databases people have: PostgreSQL, DuckDB files, SQLite files; tables in, tables out."""

from alicredit.databases.opening import Wants, open_database, tell
from alicredit.databases.place import Database, database_of

__all__ = ["Database", "Wants", "database_of", "open_database", "tell"]
