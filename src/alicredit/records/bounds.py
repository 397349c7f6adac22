"""How much memory reading may take, and where what does not fit is laid meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from alicredit.records.sources import literal


@dataclass(frozen=True, slots=True)
class Bound:
    """The memory of each connection over records, and a folder for what is beyond it.

    Parameters
    ----------
    memory_bytes : int
        What a connection may hold; beyond it sorting, joining and grouping go on from disk.
    folder : str
        Where that is laid, and derived tables with it; whoever gives it removes it.

    Examples
    --------
    >>> con = duckdb.connect()
    >>> Bound(300_000_000, "spilled").hold(con)
    >>> con.execute("SELECT current_setting('temp_directory')").fetchone()
    ('spilled',)
    """

    memory_bytes: int
    folder: str

    def hold(self, con: duckdb.DuckDBPyConnection) -> None:
        """Hold a connection to it."""
        con.execute(f"SET memory_limit = '{self.memory_bytes}B'")
        con.execute(f"SET temp_directory = {literal(self.folder)}")
