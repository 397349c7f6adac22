"""From one night's features to the next: only what can have changed is made anew."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numba
import numpy as np
import numpy.typing as npt
import pandas as pd

import alicredit
from alicredit.catalogue import CATALOGUE
from alicredit.checks import refuse, require_kind, require_one_of
from alicredit.cohort import Cohort, require_cohort
from alicredit.declarations import MEASURES, Catalogue, Feature
from alicredit.declarations.aggregates import SINCE
from alicredit.derived import DERIVED, TABLES, base_tables, derive_tables
from alicredit.engine.answers import Answers
from alicredit.engine.run import read_size
from alicredit.errors import FeatureError
from alicredit.features.build import add_composed, build_base, frame_of, is_supplied
from alicredit.features.changes import DAY_US, find_changes
from alicredit.features.daily_file import DailyFeatures, read_daily_features, write_daily_features
from alicredit.features.peers import note_of_peers
from alicredit.records import Records
from alicredit.records.bounds import query_refused
from alicredit.records.reading import require_records

log = logging.getLogger(__name__)

Reals = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_FAR_US = 2**50
"""Ages beyond some 35 years are made anew: a real number of days no longer tells microseconds."""


def update_features(
    previous: DailyFeatures | str | Path | None,
    records: Records,
    cohort: Cohort,
    *,
    catalogue: Catalogue = CATALOGUE,
    whole: Collection[str] = (),
    out: str | Path | None = None,
    memory: str | None = None,
) -> DailyFeatures:
    """Bring yesterday's features to a later moment, to the bit what a full build would give.

    For each table one pass over its rows finds the merchants of whom a fact became known, filled
    in, or crossed an edge of a window since the earlier moment, and those whose past is not what it
    was: rows that came without saying when they were known, were corrected or deleted. These
    merchants' features of that table are built anew by the same engine; the others keep their
    bytes, but for days since a fact, which grow by the days between. What features make of other
    features is made anew for all, which is cheap.

    It seldom pays, because a full build is quick: the pass alone costs some two fifths of it. On
    the platforms measured (``benchmarks/RESULTS.md``), where a third to nearly all merchants move
    in a night, it took 1.1 to 1.8 times as long; where one in ten or fewer moves, it takes less
    than three quarters. A merchant moves where a fact stands at either edge of any window, so that
    sparse tables (loans, customs, violations) are kept nearly whole, and of daily ones, and of
    slopes and variations over weeks, nearly nothing is: name such tables in ``whole``. What it
    gives besides, at that price, is word of every merchant whose past was rewritten.

    Parameters
    ----------
    previous : DailyFeatures, str, Path or None
        What an earlier call gave or wrote; None for the first night, which builds all.
    records : Records
        The platform's records as they stand now.
    cohort : Cohort
        All as of one moment, each merchant once, such as ``Cohort.at`` gives. Merchants may have
        come and gone.
    catalogue : Catalogue, default CATALOGUE
        Which features; with another catalogue than before all are built.
    whole : collection of str, default ()
        Tables that are built whole each night, without looking for what can be kept; those that
        are made of other facts always are.
    out : str, Path or None, default None
        Write a Parquet file there too, whole or not at all; it may be where ``previous`` is.
    memory : str or None, default None
        Limit of memory, as for :func:`build_features`.

    Returns
    -------
    DailyFeatures
        ``frame`` equals ``build_features(records, cohort, catalogue=catalogue)`` to the bit, its
        ``attrs`` too;
        ``work`` says by table how many merchants were kept and why others were not.

    Raises
    ------
    InputError
        For a cohort of several moments or with a merchant twice, or a previous file that is none,
        not whole, or of a later moment.
    RecordError
        If rows cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m", "n"], "platform": "taobao",
    ...                           "registered_at": pd.to_datetime(["2011-05-01"] * 2)})
    >>> orders = pd.DataFrame({"order_id": ["a", "b"], "merchant_id": ["m", "n"],
    ...     "buyer_id": ["x", "y"], "amount": [100.0, 50.0],
    ...     "created_at": pd.to_datetime(["2013-04-12", "2013-05-01"]),
    ...     "paid_at": pd.to_datetime(["2013-04-12", "2013-05-01"])})
    >>> records = read_records({"merchants": merchants, "orders": orders})
    >>> first = update_features(None, records, Cohort.at(records, "2013-05-01"))
    >>> second = update_features(first, records, Cohort.at(records, "2013-05-02"))
    >>> second.work.set_index("table").loc["orders", ["kept", "moved"]].tolist()
    [1, 1]
    >>> update_features(second, records, Cohort.at(records, "2013-05-01"))
    Traceback (most recent call last):
    alicredit.errors.InputError: previous must not be of a later moment than the cohort; ...
    """
    require_records(records)
    moment = _moment_of(cohort)
    require_kind(
        "catalogue", catalogue, Catalogue, "must be a Catalogue",
        do="Catalogue((Feature(...), ...))", error=FeatureError,
    )  # fmt: skip
    if isinstance(whole, str):
        refuse("whole", "must be a list of tables", repr(whole), f"[{whole!r}]")
    for table in whole:
        require_one_of("whole", table, catalogue.tables)
    if memory is not None:
        read_size(memory)
    earlier = _earlier(previous, moment)
    made_of = _made_of(records, catalogue, moment)
    reason = _reason(earlier, made_of)
    kept = None if reason else earlier
    if reason:
        log.info("all features are built anew: %s", reason)
    answers = Answers.to(catalogue, len(cohort))
    seen, work = {}, []
    try:
        step = _Step(
            derive_tables(records, catalogue.tables), cohort, catalogue, moment, kept, memory
        )
        for table in catalogue.tables:
            is_whole = table in whole or table in DERIVED
            found, after, counts = step.take(table, is_whole=is_whole)
            work.append({"table": table, **counts})
            if after is not None:
                seen[table] = after
            for name, column in found.items():
                answers[name][:] = column
        add_composed(catalogue, answers)
        peers = note_of_peers(step.records, cohort, catalogue)
    except duckdb.Error as error:
        rule = "must be readable while features are brought up to date"
        raise query_refused(error, rule, do="run find_problems") from error
    frame = frame_of(catalogue, answers)
    frame.attrs = peers
    hidden = [f.name for f in catalogue if f.is_part and f.table and f.table not in DERIVED]
    parts = pd.DataFrame({name: answers[name] for name in hidden}, index=frame.index)
    columns = ["table", "merchants", "kept", "new", "moved", "altered"]
    listed = pd.DataFrame(work, columns=columns)
    remembered = pd.DataFrame(seen, index=frame.index)
    daily = DailyFeatures(cohort, frame, parts, remembered, made_of, listed, reason)
    if out is not None:
        write_daily_features(daily, out)
    return daily


@dataclass(frozen=True)
class _Step:
    """From an earlier moment, if there is one, to a later one, table by table."""

    records: Records
    cohort: Cohort
    catalogue: Catalogue
    moment: np.datetime64
    earlier: DailyFeatures | None
    memory: str | None

    @cached_property
    def merchants(self) -> pd.Index:
        """Give the merchants in the cohort's order."""
        return pd.Index(self.cohort.frame["merchant_id"].to_numpy(object))

    @cached_property
    def place(self) -> Ints:
        """Give where each merchant stood earlier; -1 for a new one."""
        if self.earlier is None:
            return np.full(len(self.cohort), -1)
        return self.earlier.merchants.get_indexer(self.merchants)

    def take(
        self, table: str, *, is_whole: bool
    ) -> tuple[dict[str, Reals], Ints | None, dict[str, int]]:
        """Give a table's features, the hashes of what was seen, and what the work was."""
        own = [feature for feature in self.catalogue if feature.table == table]
        is_new = self.place < 0
        found = {feature.name: np.empty(len(is_new)) for feature in own}
        moved, altered, after = ~is_new, np.zeros(len(is_new), bool), None
        if not is_whole:
            moved, before, after = self._changes(table, own)
            if self.earlier is not None and table in self.earlier.seen:
                altered = ~is_new & (before != self.earlier.seen[table].to_numpy()[self.place])
                for feature in own:
                    found[feature.name], is_far = self._aged(self.earlier, feature)
                    moved |= is_far
            else:
                moved = ~is_new
        if altered.any():
            log.warning("table %s: the past of %d merchants is not what it was", table,
                        int(altered.sum()))  # fmt: skip
        redo = is_new | altered | moved
        if redo.any():
            for name, column in self._built(own, redo).items():
                found[name][redo] = column
        counts = {
            "merchants": len(redo), "kept": int((~redo).sum()), "new": int(is_new.sum()),
            "moved": int((moved & ~is_new & ~altered).sum()), "altered": int(altered.sum()),
        }  # fmt: skip
        return found, after, counts

    def _built(self, own: list[Feature], redo: Mask) -> dict[str, Reals]:
        """Build features of some merchants anew, by the engine that builds them for all."""
        answers = Answers.to(own, int(redo.sum()))
        build_base(self.records, self.cohort[redo], own, answers, memory=self.memory)
        return {name: answers[name] for name in answers.places}

    def _changes(self, table: str, own: list[Feature]) -> tuple[Mask, Ints, Ints]:
        """Give which merchants moved, and what they see at both moments, in the cohort's order."""
        none = np.zeros(len(self.merchants), np.int64)
        fed = [feature for feature in own if is_supplied(self.records, feature)]
        if not fed:
            return none.astype(bool), none, none
        before = self.moment if self.earlier is None else self.earlier.as_of
        changes = find_changes(self.records, table, fed, before, self.moment)
        at = changes.index.get_indexer(self.merchants)
        laid = []
        for name in ("moved", "before", "after"):
            column = np.zeros(len(at), np.int64)
            column[at >= 0] = changes[name].to_numpy()[at[at >= 0]]
            laid.append(column)
        return laid[0].astype(bool), laid[1], laid[2]

    def _aged(self, earlier: DailyFeatures, feature: Feature) -> tuple[Reals, Mask]:
        """Give a feature as it is kept, an age grown by the time between; and ages out of reach."""
        kept = earlier.parts if feature.is_part else earlier.frame
        values = kept[feature.name].to_numpy()[self.place]
        if feature.aggregate not in SINCE:
            return values, np.zeros(len(values), bool)
        passed = int((self.moment - earlier.as_of).astype(np.int64))
        micros = np.rint(values * float(DAY_US)) + passed
        is_far = np.isfinite(values) & (np.abs(micros) > _FAR_US)
        return micros / float(DAY_US), is_far


def _moment_of(cohort: Cohort) -> np.datetime64:
    """Give the one moment of a cohort that has each merchant once."""
    frame = require_cohort(cohort).frame
    moments = frame["as_of"].unique()
    do = "ask with Cohort.at(records, as_of)"
    if len(moments) != 1:
        refuse("cohort", "must ask as of one moment", f"{len(moments)} moments", do)
    twice = frame["merchant_id"][frame["merchant_id"].duplicated()]
    if len(twice):
        refuse("cohort", "must ask once of each merchant", f"{twice.iloc[0]!r} twice", do)
    return np.datetime64(frame["as_of"].iloc[0], "us")


def _earlier(
    previous: DailyFeatures | str | Path | None, moment: np.datetime64
) -> DailyFeatures | None:
    """Take what was there before, from its file if need be; it must be of no later moment."""
    if previous is None:
        return None
    if isinstance(previous, str | Path):
        previous = read_daily_features(previous)
    rule, do = "must be what update_features gave or wrote", "None for the first night"
    earlier = require_kind("previous", previous, DailyFeatures, rule, do=do)
    if earlier.as_of > moment:
        rule, do = "must not be of a later moment than the cohort", "the features of a day before"
        refuse("previous", rule, f"{earlier.as_of} after {moment}", do)
    return earlier


def _made_of(records: Records, catalogue: Catalogue, moment: np.datetime64) -> dict[str, Any]:
    """Say what features are made of and by, beside the facts."""
    tables = {*catalogue.tables, *base_tables(catalogue.tables)}
    tables |= {TABLES[table].parent_table for table in tables} - {""}
    declared = [TABLES[name] for name in sorted(tables)]
    queries = [DERIVED[name].sql for name in sorted(tables & {*DERIVED})]
    text = repr(
        (declared, queries, sorted((key, MEASURES[key]) for key in MEASURES if key[0] in tables))
    )
    return {
        "as_of": str(moment),
        "catalogue": catalogue.digest,
        "declarations": hashlib.sha256(text.encode()).hexdigest(),
        "columns": {
            name: sorted(records.columns(name)) for name in sorted(tables & {*records.tables})
        },
        "timezone": records.timezone,
        "software": [alicredit.__version__, duckdb.__version__, np.__version__, numba.__version__],
    }


_WHY = {
    "catalogue": "the catalogue is another one",
    "declarations": "tables or measures are declared otherwise",
    "columns": "the tables have other columns",
    "timezone": "the records are in another time zone",
    "software": "alicredit, DuckDB, numpy or numba is of another version",
}


def _reason(earlier: DailyFeatures | None, made_of: Mapping[str, Any]) -> str:
    """Say why nothing can be kept; empty where something can."""
    if earlier is None:
        return "there is nothing earlier"
    differ = [why for part, why in _WHY.items() if earlier.made_of[part] != made_of[part]]
    return "; ".join(differ)
