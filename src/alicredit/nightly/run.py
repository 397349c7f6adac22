"""How a run into a folder is done: where, in what memory, and whether it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from alicredit.checks import refuse, require_between, require_path, require_whole
from alicredit.databases import Database, database_of

MEMORY_GB = 2.0
LEAST_GB = 1.0
PART_MERCHANTS = 50_000


@dataclass(frozen=True, slots=True)
class Run:
    """A folder to write decisions into, and how: what ``out`` of ``score_portfolio`` takes.

    Parameters
    ----------
    folder : str, Path or Database
        Where parts and manifest go: a folder, or the tables of a database
        (:class:`alicredit.databases.Database`, or its address).
    memory_gb : float, default 2.0
        Memory of the whole process to keep within, in GB of 10^9 bytes; from 1, of which Python and
        the libraries take a third. It changes no byte.
    resume : bool, default True
        Go on where a run of the same inputs, model, policy, prices and moment was stopped; False
        starts over, whatever stands there.
    part_merchants : int, default 50000
        Merchants of a part: of one that is killed, so many are decided again.
    rows_at_a_time : int or None, default None
        Merchants scored at a time; None takes as many as fit. It changes no byte.
    work : str, Path or None, default None
        With a database: folder for what is built from records on the way, which goes when all is
        done; None takes ``alicredit`` in the user's own cache. It changes no byte.

    Examples
    --------
    >>> Run("decisions").memory_gb
    2.0
    >>> Run("decisions", memory_gb=0.1)
    Traceback (most recent call last):
    alicredit.errors.InputError: memory_gb must be a number from 1 to 4096; found 0.1.
    """

    folder: str | Path | Database
    memory_gb: float = MEMORY_GB
    resume: bool = True
    part_merchants: int = PART_MERCHANTS
    rows_at_a_time: int | None = field(default=None, repr=False)
    work: str | Path | None = None

    def __post_init__(self) -> None:
        """Refuse what is no run."""
        database = database_of(self.folder, "out")
        if database is None:
            require_path("out", self.folder)
        else:
            object.__setattr__(self, "folder", database)
        if self.work is not None:
            require_path("work", self.work)
        require_between("memory_gb", self.memory_gb, LEAST_GB, 4096)
        require_whole("part_merchants", self.part_merchants, 1)
        if self.rows_at_a_time is not None:
            require_whole("rows_at_a_time", self.rows_at_a_time, 1)
        if not isinstance(self.resume, bool):
            refuse("resume", "must be True or False", repr(self.resume))

    @property
    def chunk_rows(self) -> int:
        """Give the merchants that are scored at a time within the memory."""
        fitting = int(25_000 * self.memory_gb)
        return min(self.part_merchants, self.rows_at_a_time or fitting)

    @property
    def gathered_rows(self) -> int:
        """Give the merchants that are gathered from records at a time within the memory.

        A merchant's inputs and facts take about a kilobyte, three times over (assumed).
        """
        return self.rows_at_a_time or max(int(125_000 * self.memory_gb), 1)

    @property
    def reading_bytes(self) -> int:
        """Give the memory that a connection over records may take: the rest is for frames."""
        return int(0.3e9 * self.memory_gb)

    @property
    def survey_bytes(self) -> int:
        """Give the same while records are looked at as a whole, when there are no frames yet."""
        return int(0.55e9 * self.memory_gb)

    def at_a_time(self, rows: int | None) -> Run:
        """Score so many merchants at a time, or as many as fit."""
        return self if rows is None else replace(self, rows_at_a_time=rows)


def run_of(out: str | Path | Database | Run) -> Run:
    """Take a folder or a database as a run with its defaults."""
    return out if isinstance(out, Run) else Run(out)
