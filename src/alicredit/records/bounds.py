"""How much memory reading may take, and where what does not fit is laid meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from alicredit.checks import refusal
from alicredit.errors import RecordError
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


def query_refused(
    error: duckdb.Error, rule: str, *, subject: str = "records", do: str = ""
) -> RecordError:
    """Say what a query that failed asks for: other rows, or more memory.

    Parameters
    ----------
    error : duckdb.Error
        What the query ended with.
    rule : str
        What must hold of the rows, where memory was enough.
    subject : str, default "records"
        What is refused.
    do : str, default ""
        What to try, where memory was enough.

    Returns
    -------
    RecordError
        To be raised.

    Examples
    --------
    >>> print(query_refused(duckdb.ConversionException("'x' is no number"), "must be readable"))
    records must be readable; found 'x' is no number.
    >>> print(query_refused(duckdb.OutOfMemoryException("no room"), "must be readable"))
    records must be read within the memory that is given; found no room. Try: give more memory.
    """
    first = str(error).splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException):
        rule, do = "must be read within the memory that is given", "give more memory"
    return RecordError(refusal(subject, rule, first, do))
