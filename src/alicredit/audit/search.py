"""The audit of features: change what was not yet known, build again, report what moved."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from alicredit.audit.disturb import DISTURBANCES
from alicredit.audit.knowledge import Mask, Scene, Whole
from alicredit.audit.trial import (
    Builder,
    Counts,
    Moved,
    Run,
    Trial,
    find_unmoved,
    find_unrepeatable,
    start_trial,
)
from alicredit.catalogue import CATALOGUE
from alicredit.checks import refuse, require_one_of, require_whole
from alicredit.cohort import Cohort
from alicredit.declarations import Catalogue
from alicredit.errors import FeatureError
from alicredit.features.build import build_frame
from alicredit.records import Records

log = logging.getLogger(__name__)

Finding = tuple[str, str, str]
"""Feature, table, disturbance."""

COLUMNS = ("feature", "table", "disturbance", "rows_moved", "example", "message")
"""Columns of the report."""

_WITNESSES = 5  # questions that may tell a leak from a reading of other merchants' past
_NONE = "it moves although nothing is disturbed: fix the order of rows and sums, seeds and clocks"
_TOGETHER = "only several disturbances together move it: read nothing that is not before as_of"


def audit_features(
    records: Records,
    cohort: Cohort,
    catalogue: Catalogue = CATALOGUE,
    *,
    build: Builder | None = None,
    seed: int = 0,
    questions: int | None = 200,
    disturbances: Collection[str] | None = None,
    mutable: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Prove that features read nothing from the future, or name those that do.

    What was not yet known as of each question is disturbed in every way that records can be; then
    features are built again. An honest feature does not move by one bit.

    ==============  ================================================================
    disturbance     what is disturbed
    ==============  ================================================================
    ``changed``     values of rows that happened or became known from as_of on
    ``deleted``     such rows, and what filled in from as_of on, taken away
    ``added``       new rows a day and more after as_of
    ``next_day``    new rows from as_of itself to a day after
    ``known_late``  new rows that happened before as_of and became known from then on
    ``late_values`` values of columns that filled in from as_of on
    ``late_times``  times that filled in from as_of on, and blanks
    ``untimed``     columns that change without a time of change (a status)
    ==============  ================================================================

    Parameters
    ----------
    records : Records
        The platform's records; only rows of merchants that are asked about are used, so that
        a sample of questions is enough for large ones.
    cohort : Cohort
        Who, and as of when.
    catalogue : Catalogue, default CATALOGUE
        The features to audit, as ``build_features`` builds them.
    build : callable or None, default None
        Instead of a catalogue: your own builder, called as ``build(records, cohort)``, which gives
        one row a question in the cohort's order and one column a feature.
    seed : int, default 0
        Of all that is drawn; the same seed gives the same report.
    questions : int or None, default 200
        A larger cohort is sampled, of different merchants first; None asks all.
    disturbances : collection of str or None, default None
        Which kinds; all when None.
    mutable : mapping of str to sequence of str or None, default None
        Table -> further columns whose past nobody kept in your records (a merchant's membership
        that is overwritten when it changes): no feature may feel them.

    Returns
    -------
    pandas.DataFrame
        One row a feature, table and disturbance that moved it: ``feature, table, disturbance,
        rows_moved`` (questions, of the one a merchant that are tried together), ``example`` (row
        of the cohort, from 0), ``message`` (what is wrong and what to do). Empty when clean. A
        feature that moves without any disturbance is reported under ``none``, one that only
        several together move under ``together``. In its ``attrs``: ``questions`` asked,
        ``disturbed`` (how many cells and rows by disturbance and table) and ``unmoved`` (features
        that did not even feel half of the past being taken away: nothing is shown about them).

    Raises
    ------
    FeatureError
        For a builder that fails or gives no frame of the cohort's length; where no feature moves
        at all, not even with all of the past taken away (a builder that reads other records than
        those it is given); for a disturbance, table or column that is not there; where nothing
        was known to any question.
    InputError
        For a seed or a number of questions that is no whole number.

    Notes
    -----
    A feature may read other merchants' past. The merchants' own columns, which have no time, are
    held to be what was true at registration and are left alone unless ``mutable`` names them. Rows
    known late are added where the records carry ``known_at`` or another time of becoming known; to
    a catalogue's records the column is added. A table that is not declared has no time and is left
    as it is.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> orders = pd.DataFrame({"order_id": ["a", "b"], "merchant_id": ["m", "m"],
    ...     "buyer_id": ["x", "y"], "amount": [100.0, 50.0],
    ...     "created_at": [pd.Timestamp(2013, 4, 1), pd.Timestamp(2013, 5, 1, 9, 30)],
    ...     "paid_at": pd.to_datetime(["2013-04-01", None])})
    >>> records = read_records({"merchants": merchants, "orders": orders})
    >>> cohort = Cohort.from_frame(pd.DataFrame(
    ...     {"merchant_id": ["m"], "as_of": ["2013-05-01 08:00"]}))
    >>> def own(records, cohort):
    ...     rows = cohort.frame.merge(records["orders"].to_pandas(), on="merchant_id")
    ...     rows = rows[rows["created_at"].dt.normalize() <= rows["as_of"]]  # loses the hour
    ...     return pd.DataFrame({"orders": [float(len(rows))]})
    >>> report = audit_features(records, cohort, build=own)
    >>> report[["feature", "table", "disturbance"]].to_numpy().tolist()
    [['orders', 'orders', 'deleted'], ['orders', 'orders', 'next_day']]
    >>> from alicredit.features import CATALOGUE
    >>> audit_features(records, cohort, CATALOGUE.subset(["orders_paid_count_90d"])).empty
    True
    >>> audit_features(records, cohort, build=lambda records, cohort: 0.5)
    Traceback (most recent call last):
    alicredit.errors.FeatureError: build must give a pandas DataFrame; found float. ...
    """
    require_whole("seed", seed, 0)
    if questions is not None:
        require_whole("questions", questions, 1)
    kinds = _kinds(disturbances)
    rows = _sample(cohort, seed, questions)
    trial = start_trial(
        records,
        cohort[rows],
        _builder(catalogue, build),
        seed=seed,
        mutable=mutable or {},
        known_at=build is None,
        part=None if build is not None else lambda names: _part(catalogue, names),
    )
    sources = {} if build is not None else {n: catalogue.sources(n) for n in catalogue.names}
    unmoved = find_unmoved(trial)
    shaky = find_unrepeatable(trial)
    found: dict[Finding, Mask] = {(name, "", "none"): mask for name, mask in shaky.items()}
    counts: list[Counts] = []
    for scene in trial.scenes():
        known = {name for name, _, _ in found}
        more, tried = _search(trial, scene, kinds, sources, known)
        found |= {finding: mask for finding, mask in more.items() if finding[0] not in known}
        counts += tried
    if not found and len(unmoved) == len(trial.before.columns):
        _refuse_unmoved(own=build is not None)
    report = _report(found, rows, list(trial.before))
    report.attrs = {"questions": len(rows), "unmoved": unmoved, "disturbed": _by_kind(counts)}
    return report


def _kinds(wanted: Collection[str] | None) -> list[str]:
    """Give the wanted kinds of disturbance in the order of the list."""
    if wanted is None:
        return list(DISTURBANCES)
    for kind in wanted:
        require_one_of("disturbances", kind, DISTURBANCES, error=FeatureError)
    if not wanted:
        do = f"leave it out, or name some of {', '.join(DISTURBANCES)}"
        refuse("disturbances", "must be at least one", "none", do, error=FeatureError)
    return [kind for kind in DISTURBANCES if kind in wanted]


def _sample(cohort: Cohort, seed: int, questions: int | None) -> Whole:
    """Choose questions, of different merchants first; their rows in the cohort, in order."""
    if questions is None or questions >= len(cohort):
        return np.arange(len(cohort))
    order = np.random.default_rng(seed).permutation(len(cohort))
    turn = cohort.frame.iloc[order].groupby("merchant_id").cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")][:questions])


def _builder(catalogue: object, build: object) -> Builder:
    """Give the builder to audit: the user's own, or the library's with a catalogue."""
    if build is None:
        if not isinstance(catalogue, Catalogue):
            do = "pass your own builder as build="
            found = type(catalogue).__name__
            refuse("catalogue", "must be a Catalogue", found, do, error=FeatureError)

        def built(records: Records, cohort: Cohort) -> pd.DataFrame:
            """Build the catalogue's features."""
            return build_frame(records, cohort, catalogue=catalogue)

        return built
    if catalogue is not CATALOGUE:
        do = "leave one of them out"
        refuse("build", "must stand alone", "a catalogue beside it", do, error=FeatureError)
    if callable(build):
        return build
    do = "pass a function of records and cohort"
    return refuse("build", "must be callable", type(build).__name__, do, error=FeatureError)


def _part(catalogue: Catalogue, names: Sequence[str]) -> Builder:
    """Give the builder of some of a catalogue's features; each is the same to the bit alone."""
    some = catalogue.subset(names)

    def built(records: Records, cohort: Cohort) -> pd.DataFrame:
        """Build them, without those that they take."""
        return build_frame(records, cohort, catalogue=some)[list(names)]

    return built


def _refuse_unmoved(*, own: bool) -> None:
    """Refuse to call features clean that move with nothing at all."""
    if own:
        rule = "must build from the records that it is given"
        do = "read tables as records['orders'], not from frames made before"
    else:
        rule = "must have a feature that the past of these questions moves"
        do = "give the tables and columns that it reads, or ask later"
    found = "the same values with all of the past taken away"
    refuse("build" if own else "catalogue", rule, found, do, error=FeatureError)


def _everyone(scene: Scene) -> Mask:
    """Choose all merchants, and the rows of nobody."""
    return np.ones(len(scene.cuts), dtype=bool)


def _plans(scene: Scene, kinds: Sequence[str]) -> list[dict[str, Mask]]:
    """Lay all disturbances into two builds, where none hides another.

    In the first the records of a random half of the merchants stand as they did, and everything
    else is done to the other half; in the second they change places.
    """
    others = [kind for kind in kinds if kind != "deleted"]
    if not others or len(others) == len(kinds):
        return [{kind: _everyone(scene) for kind in kinds}]
    side = scene.draw("side").random(len(scene.cuts)) < 0.5
    return [{"deleted": half, **dict.fromkeys(others, ~half)} for half in (side, ~side)]


def _search(
    trial: Trial,
    scene: Scene,
    kinds: Sequence[str],
    sources: Mapping[str, tuple[str, ...]],
    known: Collection[str],
) -> tuple[dict[Finding, Mask], list[Counts]]:
    """Find what moves in a scene: all disturbances at once first, each alone only if need be."""
    plans = _plans(scene, kinds)
    runs = [trial.run(scene, plan) for plan in plans]
    counts = [run.counts for run in runs]
    found: dict[Finding, Mask] = {}
    if all(name in known for run in runs for name in run.moved):
        return found, counts
    together = [_confirmed(trial, run, plan) for run, plan in zip(runs, plans)]
    if not any(together):
        return found, counts
    for kind in kinds:
        alone = trial.run(scene, {kind: _everyone(scene)})
        sure = _confirmed(trial, alone, {kind: _everyone(scene)})
        for (name, table), mask in _through(trial, alone, sure, sources).items():
            found[name, table, kind] = mask
    named = {name for name, _, _ in found}
    for moved in together:
        found |= {(name, "", "together"): mask for name, mask in moved.items() if name not in named}
    return found, counts


def _confirmed(trial: Trial, run: Run, plan: Mapping[str, Mask]) -> Moved:
    """Keep the features that move even if nobody's past is disturbed, as of a witness's moment.

    Where merchants are disturbed from different moments on, a feature may move because it reads the
    past of others, which is no leak. So everything is disturbed from the moment of one question on,
    of that which most suspects moved at; and then of others, for the suspects that are left.
    """
    suspects = dict(run.moved)
    if len(np.unique(run.scene.cuts)) == 1:
        return suspects
    sure: Moved = {}
    tried = np.zeros(len(trial.as_of), dtype=bool)
    for _ in range(_WITNESSES):
        votes = np.zeros(len(trial.as_of), dtype=np.int64)
        for mask in suspects.values():
            votes += mask & ~tried
        if not votes.any():
            break
        moment = trial.as_of[votes.argmax()]
        tried |= trial.as_of == moment
        again = trial.of(list(suspects)).run(trial.at(moment), plan).moved
        sure |= {name: suspects.pop(name) for name in list(suspects) if name in again}
    return sure


def _through(
    trial: Trial, run: Run, sure: Moved, sources: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str], Mask]:
    """Tell through which tables features moved: as declared, or by disturbing one at a time."""
    found: dict[tuple[str, str], Mask] = {}
    if sources:
        for name, mask in sure.items():
            tables = [table for table in sources[name] if table in run.tables]
            found[name, ", ".join(tables or sources[name])] = mask
        return found
    for table, rows in run.tables.items() if sure else ():
        alone = trial.moved(run.scene, {table: rows}, run.how)
        found |= {(name, table): mask for name, mask in alone.items() if name in sure}
    rest = sure.keys() - {name for name, _ in found}
    return found | {(name, ", ".join(run.tables)): sure[name] for name in rest}


def _report(found: Mapping[Finding, Mask], rows: Whole, features: Sequence[str]) -> pd.DataFrame:
    """Lay out the findings in the order of features, tables and disturbances."""
    place = {name: k for k, name in enumerate(features)}
    rank = {kind: k for k, kind in enumerate(DISTURBANCES)}
    order = sorted(found, key=lambda f: (place[f[0]], f[1], rank.get(f[2], -1)))
    lines = [
        (*key, int(found[key].sum()), int(rows[found[key].argmax()]), _message(key[2]))
        for key in order
    ]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    return frame.astype({"rows_moved": "int64", "example": "int64"})


def _message(kind: str) -> str:
    """Say what is wrong, and what to do."""
    if kind in DISTURBANCES:
        return f"it moves with {DISTURBANCES[kind].moves}: {DISTURBANCES[kind].remedy}"
    return _NONE if kind == "none" else _TOGETHER


def _by_kind(counts: Sequence[Counts]) -> dict[str, dict[str, int]]:
    """Add up how much was disturbed, by kind and table; say what could not be tried at all."""
    tried = {kind for each in counts for kind, _ in each}
    arranged: dict[str, dict[str, int]] = {kind: {} for kind in DISTURBANCES if kind in tried}
    for each in counts:
        for (kind, table), count in each.items():
            tables = arranged[kind]
            if count:
                tables[table] = tables.get(table, 0) + count
    for kind, tables in arranged.items():
        if not tables:
            log.info("disturbance %s found nothing to disturb in these records", kind)
    return arranged
