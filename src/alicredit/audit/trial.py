"""One trial of a builder: its questions, its records placed in time, and what moves in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from alicredit.audit.disturb import disturb, thin_past
from alicredit.audit.knowledge import (
    Mask,
    Scene,
    Times,
    Whole,
    last_moment,
    link_of,
    place_all,
    read_rows,
)
from alicredit.checks import nearest, refusal, refuse
from alicredit.cohort import Cohort
from alicredit.errors import AlicreditError, FeatureError
from alicredit.records import TABLES, Records, read_records

Builder = Callable[[Records, Cohort], pd.DataFrame]
Moved = dict[str, Mask]
"""Feature -> the questions whose value moved; only features that moved at all."""
Counts = Mapping[tuple[str, str], int]
"""Kind and table -> how many cells or rows were disturbed."""

_ROUNDS = 4  # moments of one merchant that are tried, at most


@dataclass(frozen=True, eq=False)
class Run:
    """One building from disturbed records.

    Parameters
    ----------
    scene : Scene
        From which moments on.
    how : str
        The disturbances, for messages.
    tables : mapping of str to pyarrow.Table
        The tables that were disturbed.
    counts : mapping of (str, str) to int
        How many cells or rows, by kind and table.
    moved : mapping of str to boolean array
        What moved.
    """

    scene: Scene
    how: str
    tables: Mapping[str, pa.Table]
    counts: Counts
    moved: Moved


@dataclass(frozen=True, eq=False)
class Trial:
    """What an audit asks, of which records, and the answers without any disturbance.

    Parameters
    ----------
    records : Records
        The undisturbed rows of the merchants that are asked about.
    cohort : Cohort
        The questions.
    owner : array of int
        The number of each question's merchant.
    as_of : array of datetime64[us]
        The moment of each question.
    scene : Scene
        The placed tables, with each merchant's latest moment.
    build : callable
        Gives the features of the questions from records.
    before : pandas.DataFrame
        The features of the undisturbed records.
    part : callable or None, default None
        Gives the builder of some of the features alone, by their names, where there is one.
    """

    records: Records
    cohort: Cohort
    owner: Whole
    as_of: Times
    scene: Scene
    build: Builder
    before: pd.DataFrame
    part: Callable[[Sequence[str]], Builder] | None = None

    def of(self, names: Sequence[str]) -> Trial:
        """Ask for some of the features only, where they can be built alone."""
        if self.part is None:
            return self
        return replace(self, before=self.before[list(names)], build=self.part(names))

    def run(self, scene: Scene, plan: Mapping[str, Mask]) -> Run:
        """Disturb, build again, and tell what moved at questions that could not know of it."""
        tables, counts = disturb(scene, plan)
        touched = {table: tables[table] for (_, table), count in counts.items() if count}
        how = f"disturbed ({', '.join(plan)})"
        return Run(scene, how, touched, counts, self.moved(scene, touched, how))

    def moved(self, scene: Scene, tables: Mapping[str, pa.Table], how: str) -> Moved:
        """Build from altered tables, and compare where no alteration could be known of."""
        innocent = self.as_of <= scene.cuts[self.owner]
        return _differences(self.before, self.rebuild(tables, how), innocent)

    def rebuild(self, tables: Mapping[str, pa.Table], how: str) -> pd.DataFrame:
        """Build the features from altered tables; refuse a builder that cannot."""
        sources = dict(self.records.sources)
        for name, rows in tables.items():
            sources[name] = replace(sources[name], memory=rows)
        records = replace(self.records, sources=MappingProxyType(sources))
        frame = _built(self.build, records, self.cohort, how)
        if list(frame.columns) != list(self.before.columns):
            rule = "must give the same columns from the same kind of records"
            found = f"others where records are {how}"
            do = "declare the columns, do not derive them from the rows that are there"
            refuse("build", rule, found, do, error=FeatureError)
        return frame

    def at(self, moment: np.datetime64) -> Scene:
        """Give the scene in which everything is disturbed from one moment on."""
        return replace(self.scene, cuts=np.full(len(self.scene.cuts), moment))

    def scenes(self) -> Iterator[Scene]:
        """Give every merchant one of its own moments at a time, the latest first.

        Rows of nobody are disturbed from the earliest moment on, which is too early for the other
        questions; what moves is a suspicion until it moves as of one moment for all.
        """
        asked = pd.DataFrame({"owner": self.owner, "as_of": self.as_of}).drop_duplicates()
        asked = asked.sort_values(["owner", "as_of"])
        moments = asked["as_of"].to_numpy()
        size = asked.groupby("owner").size().to_numpy()
        rounds = min(int(size.max()), _ROUNDS)
        for number in range(rounds):
            back = (size - 1) * number // max(rounds - 1, 1)
            cuts = moments[np.cumsum(size) - 1 - back]
            yield replace(self.scene, cuts=np.append(cuts, cuts.min()))


def start_trial(
    records: Records,
    cohort: Cohort,
    build: Builder,
    *,
    seed: int,
    mutable: Mapping[str, Sequence[str]],
    known_at: bool,
    part: Callable[[Sequence[str]], Builder] | None = None,
) -> Trial:
    """Read the rows that are asked about, place them in time, and build without disturbance.

    Parameters
    ----------
    records : Records
        All records.
    cohort : Cohort
        The questions.
    build : callable
        The builder.
    seed : int
        Of all that is drawn.
    mutable : mapping of str to sequence of str
        Further columns that change without a time.
    known_at : bool
        Whether to add a column ``known_at`` to tables that have none.
    part : callable or None, default None
        Gives the builder of some of the features alone, where there is one.

    Returns
    -------
    Trial
        Ready to be disturbed.
    """
    _check_mutable(records, mutable)
    frame = cohort.frame
    merchants = tuple(sorted(set(frame["merchant_id"])))
    rows = read_rows(records, merchants)
    if known_at:
        rows = {name: _with_known_at(name, each) for name, each in rows.items()}
    owner = np.searchsorted(np.array(merchants, dtype=object), frame["merchant_id"].to_numpy())
    as_of = frame["as_of"].to_numpy().astype("datetime64[us]")
    cuts = pd.Series(as_of).groupby(owner).max().to_numpy().astype("datetime64[us]")
    placed = place_all(rows, merchants)
    listed = {name: frozenset(columns) for name, columns in mutable.items()}
    end = last_moment(placed.values())
    scene = Scene(merchants, placed, np.append(cuts, as_of.max()), end, seed, listed)
    asked = _reread(records, rows)
    before = _built(build, asked, cohort, "as they are")
    return Trial(asked, cohort, owner, as_of, scene, build, before, part)


def find_unrepeatable(trial: Trial) -> Moved:
    """Find features that move although nothing is disturbed."""
    every = np.ones(len(trial.cohort), dtype=bool)
    return _differences(trial.before, trial.rebuild({}, "as they are"), every)


def find_unmoved(trial: Trial) -> list[str]:
    """Name the features that do not feel half of the past being taken away.

    All of it is taken away where nothing feels the half; where nothing feels that either, all
    are named. Raises FeatureError where nothing was known to any question.
    """
    seen = [placed.visible(trial.scene.cuts).any() for placed in trial.scene.tables.values()]
    if not any(seen):
        rule = "must ask as of moments before which something was known"
        refuse("cohort", rule, "no fact before any", "ask later", error=FeatureError)
    asked = np.ones(len(trial.cohort), dtype=bool)
    moved: Moved = {}
    for every in (2, 1):
        if not moved:
            after = trial.rebuild(thin_past(trial.scene, every=every), "short of some of the past")
            moved = _differences(trial.before, after, asked)
    return [name for name in trial.before if name not in moved]


def _check_mutable(records: Records, mutable: Mapping[str, Sequence[str]]) -> None:
    """Refuse a column that is not there, or that says which row it is and when."""
    for name, columns in mutable.items():
        if name not in records or name not in TABLES:
            have = [each for each in records.tables if each in TABLES]
            rule = "must name declared tables of the records"
            refuse("mutable", rule, repr(name), nearest(name, have), error=FeatureError)
        table = TABLES[name]
        fixed = {*table.key, link_of(table), table.happened, table.known}
        have = [each for each in table.names if each not in fixed]
        for column in [columns] if isinstance(columns, str) else columns:
            if column not in have or column not in records.columns(name):
                rule = f"must name columns of {name} that are neither key nor time"
                refuse("mutable", rule, repr(column), nearest(column, have), error=FeatureError)


def _with_known_at(name: str, rows: pa.Table) -> pa.Table:
    """Add a column that says when rows became known, blank: when they happened."""
    if name not in TABLES or "known_at" in rows.column_names:
        return rows
    return rows.append_column("known_at", pa.nulls(rows.num_rows, pa.timestamp("us")))


def _reread(records: Records, tables: Mapping[str, pa.Table]) -> Records:
    """Read tables with the uses, the zone and the notes of the given records."""
    uses = {name: asdict(use) for name, use in records.data_use.items() if name in tables}
    read = read_records(tables, data_use=uses)
    return replace(read, timezone=records.timezone, notes=records.notes)


def _built(build: Builder, records: Records, cohort: Cohort, how: str) -> pd.DataFrame:
    """Call a builder and refuse what is no frame of the questions' features."""
    try:
        frame: object = build(records, cohort)
    except AlicreditError:
        raise
    except Exception as error:
        rule = f"must run on records that are {how}"
        do = "see the error above, and leave out what is not known before anything else"
        found = type(error).__name__
        raise FeatureError(refusal("build", rule, found, do)) from error
    if not isinstance(frame, pd.DataFrame):
        do = "return one row a question and one column a feature"
        found = type(frame).__name__
        refuse("build", "must give a pandas DataFrame", found, do, error=FeatureError)
    if len(frame) != len(cohort):
        rule = f"must give one row for each of {len(cohort)} questions, in their order"
        refuse("build", rule, len(frame), error=FeatureError)
    if not len(frame.columns) or frame.columns.has_duplicates:
        rule = "must give at least one column, all of different names"
        refuse("build", rule, list(frame.columns), error=FeatureError)
    return frame.rename(columns=str)


def _differences(before: pd.DataFrame, after: pd.DataFrame, innocent: Mask) -> Moved:
    """Tell which values of which features differ by a bit, where they must not."""
    found = {name: _differs(before[name], after[name]) & innocent for name in before}
    return {name: mask for name, mask in found.items() if mask.any()}


def _differs(before: pd.Series, after: pd.Series) -> Mask:
    """Compare two columns bit by bit; one kind of missing is as good as another."""
    absent, gone = before.isna().to_numpy(), after.isna().to_numpy()
    both = ~absent & ~gone
    pair = (before[both], after[both])
    is_real = any(pd.api.types.is_float_dtype(each.dtype) for each in pair)
    if is_real and all(pd.api.types.is_numeric_dtype(each.dtype) for each in pair):
        old, new = (each.astype("float64").to_numpy().view(np.int64) for each in pair)
    else:
        old, new = (each.astype(object).to_numpy() for each in pair)
    differs = absent ^ gone
    differs[both] = old != new
    return differs
