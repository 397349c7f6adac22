"""Early warnings: what stands against each loan that is out, and what that asks for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.alerts.rules import WARNING_RULES, WarningRules
from alicredit.alerts.values import build_values, latest_score, read_scores
from alicredit.checks import refuse, require_columns, require_kind
from alicredit.cohort import as_moment
from alicredit.ledger import (
    Postings,
    find_uncounted,
    read_postings,
    replay,
    require_each_once,
)
from alicredit.records import Records, require_records

__all__ = ["early_warnings", "explain_warnings", "rate_warnings"]

_KEYS = ("merchant_id", "loan_id", "product_id", "as_of")
_BOOK = ("state", "days_past_due", "balance_fen")
OF_SCORE = ("WARN_SCORE_FALL", "WARN_SCORE_LOW")
"""Rules that read scores."""
_RATED = ("level", "action", "points", "fired", "unknown")


def early_warnings(
    records: Records,
    *,
    as_of: object,
    rules: WarningRules = WARNING_RULES,
    scores: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Warn about every loan that is out, from what was known before each look.

    A rule whose facts lack is unknown, and said to be; so is what is overdue on a loan of which it
    is not known when anything falls due. A loan against which nothing is known is
    green only if the records have the source of every rule; leave a rule out with
    ``rules.without(...)`` where there is no such source.

    Parameters
    ----------
    records : Records
        With ``loans`` and what was due and paid on them; and what the rules read.
    as_of : date, or sequence of dates
        When to look; many looks are one pass.
    rules : WarningRules, default WARNING_RULES
        What counts, and how much.
    scores : pandas.DataFrame or None, default None
        ``merchant_id, as_of, score`` of several moments, higher is safer; each used from its
        ``as_of`` on. Without it the rules of the score are left out.

    Returns
    -------
    pandas.DataFrame
        One row an open loan and look, by look and loan: ``merchant_id, loan_id, product_id,
        as_of``; ``level`` and ``action`` (``vocabulary.WARNING_LEVELS``, ``WARNING_ACTIONS``);
        ``points``; ``fired`` and ``unknown``, the codes of rules; ``no_source``, those whose source
        the records lack; ``state``, ``days_past_due`` and ``balance_fen`` of the loan
        (``unknown`` and -1 where a row of it cannot be counted); ``score``, where scores are
        given; and each rule's value in a column named by its code, NaN where it is unknown.
        :func:`explain_warnings` lays the evidence out with thresholds and windows.

    Raises
    ------
    InputError
        For a moment that is none, rules that are none, or scores that are no points.
    RecordError
        If there is no table of loans, or rows cannot be read.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> found = pd.DataFrame({"merchant_id": ["m"], "at": pd.to_datetime(["2012-11-20"]),
    ...                       "points": [6.0], "kind": ["delay"]})
    >>> records = read_records({"merchants": merchants, "loans": loans, "violations": found})
    >>> looks = early_warnings(records, as_of=["2012-11-12", "2012-11-21", "2013-05-01"])
    >>> looks[["level", "action", "fired"]].to_numpy().tolist()
    [['unknown', 'none', ()],
     ['amber', 'freeze_undrawn', ('WARN_VIOLATION',)],
     ['red', 'pull_order_loan', ('WARN_OVERDUE',)]]
    >>> early_warnings(records, as_of="11/21/2012")
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must be ... found '11/21/2012'. ...
    """
    require_records(records)
    _require_rules(rules)
    moments = _moments(as_of)
    given = None if scores is None else read_scores(scores)
    if given is None:
        rules = rules.without(*(code for code in OF_SCORE if code in rules.codes))
    postings = read_postings(records)
    loans = open_loans(postings, moments)
    loans["has_due"] = _has_due(postings, loans) & loans["state"].ne("unknown")
    values, lacking = build_values(records, loans, rules, given)
    frame = loans[[*_KEYS, *_BOOK]].copy()
    if given is not None:
        frame["score"] = latest_score(loans, given)["score"].to_numpy()
    codes = np.empty(len(frame), dtype=object)
    codes[:] = [lacking] * len(frame)
    frame["no_source"] = codes
    return rate_warnings(frame.join(values), rules)


def rate_warnings(warnings: pd.DataFrame, rules: WarningRules) -> pd.DataFrame:
    """Rate looks again by other rules, from the values that are there.

    Parameters
    ----------
    warnings : pandas.DataFrame
        As :func:`early_warnings` gives.
    rules : WarningRules
        Of codes whose values the frame has.

    Returns
    -------
    pandas.DataFrame
        The same rows with ``level``, ``action``, ``points``, ``fired`` and ``unknown`` by these
        rules. A level is the sum of points against the rules' two marks; ``unknown`` if it would
        be green and a rule's source lacks, no early sign is known, or not whether it is overdue.

    Raises
    ------
    InputError
        If a column lacks.

    Examples
    --------
    >>> look = pd.DataFrame({"product_id": ["taobao_order"], "no_source": [()],
    ...                      "WARN_VIOLATION": [1.0]})
    >>> some = WarningRules((WARNING_RULES["WARN_VIOLATION"],), red_points=1)
    >>> rate_warnings(look, some)[["level", "action"]].to_numpy().tolist()
    [['red', 'pull_order_loan']]
    >>> rate_warnings(look, WARNING_RULES)
    Traceback (most recent call last):
    alicredit.errors.InputError: warnings must have the columns 'WARN_SALES_FALL', ...
    """
    _require_rules(rules)
    require_kind("warnings", warnings, pd.DataFrame, "must be a frame of early_warnings")
    require_columns(
        "warnings", map(str, warnings.columns), ("product_id", "no_source", *rules.codes)
    )
    values = {code: warnings[code].to_numpy(dtype=float) for code in rules.codes}
    points = {rule.code: rule.points_of(values[rule.code]) for rule in rules.rules}
    total = np.sum(list(points.values()), axis=0)
    fired = _codes({code: each > 0 for code, each in points.items()}, len(warnings))
    unknown = {code: np.isnan(each) for code, each in values.items()}
    is_starved = np.array([bool(set(c) & set(rules.codes)) for c in warnings["no_source"]], bool)
    early = [each for code, each in unknown.items() if code != "WARN_OVERDUE"]
    is_blind = is_starved | (np.all(early, axis=0) if early else False)
    is_blind |= unknown.get("WARN_OVERDUE", False)
    level = np.select(
        [total >= rules.red_points, total >= rules.amber_points, is_blind],
        ["red", "amber", "unknown"],
        "green",
    )
    is_pulled = warnings["product_id"].isin(rules.pulled_products).to_numpy()
    action = np.select(
        [(level == "red") & is_pulled, (level == "red") | (level == "amber")],
        ["pull_order_loan", "freeze_undrawn"],
        "none",
    )
    rated = {"level": level.astype(object), "action": action.astype(object), "points": total,
             "fired": fired, "unknown": _codes(unknown, len(warnings))}  # fmt: skip
    frame = warnings.assign(**rated)
    front = [name for name in (*_KEYS, *_RATED) if name in frame]
    return frame[[*front, *(name for name in frame if name not in front)]]


def explain_warnings(warnings: pd.DataFrame, rules: WarningRules = WARNING_RULES) -> pd.DataFrame:
    """Lay out the evidence: each rule of each look with value, threshold and window.

    Parameters
    ----------
    warnings : pandas.DataFrame
        As :func:`early_warnings` gives.
    rules : WarningRules, default WARNING_RULES
        By which they were rated; rules without a column are left out.

    Returns
    -------
    pandas.DataFrame
        A row a look and rule: ``merchant_id, loan_id, as_of, code, status`` (``fired``, ``quiet``
        or ``unknown``), ``value``, ``operator``, ``threshold`` (the mildest), ``unit``,
        ``window_days``, ``points``, ``evidence``, ``title``, ``title_zh``.

    Raises
    ------
    InputError
        If no rule has a column.

    Examples
    --------
    >>> look = pd.DataFrame({"merchant_id": ["m"], "loan_id": ["l"],
    ...     "as_of": pd.to_datetime(["2012-11-21"]), "WARN_VIOLATION": [1.0]})
    >>> told = explain_warnings(look)
    >>> told[["status", "value", "operator", "threshold"]].to_numpy().tolist()
    [['fired', 1.0, '>=', 1.0]]
    >>> explain_warnings(look[["merchant_id", "loan_id", "as_of"]])
    Traceback (most recent call last):
    alicredit.errors.InputError: warnings must have the value of at least one rule; found none.
    """
    _require_rules(rules)
    require_kind("warnings", warnings, pd.DataFrame, "must be a frame of early_warnings")
    require_columns("warnings", map(str, warnings.columns), ("merchant_id", "loan_id", "as_of"))
    parts = []
    for rule in (each for each in rules.rules if each.code in warnings):
        value = warnings[rule.code].to_numpy(dtype=float)
        points = rule.points_of(value)
        status = np.select([np.isnan(value), points > 0], ["unknown", "fired"], "quiet")
        part = warnings[["merchant_id", "loan_id", "as_of"]].reset_index(drop=True)
        part = part.assign(
            code=rule.code, status=status.astype(object), value=value, operator=rule.operator,
            threshold=rule.threshold, unit=rule.unit, window_days=rule.window_days, points=points,
            evidence=rule.evidence, title=rule.title, title_zh=rule.title_zh,
        )  # fmt: skip
        parts.append(part)
    if not parts:
        refuse("warnings", "must have the value of at least one rule", "none")
    found = pd.concat(parts).sort_index(kind="stable")
    return found.reset_index(drop=True)


def open_loans(postings: Postings, moments: pd.DatetimeIndex) -> pd.DataFrame:
    """List the loans out at each moment, as far as was known before it, with their state."""
    loans = postings.loans
    loans = loans[loans["merchant_id"].notna() & (loans["known_at"] < moments.max())]
    loans = loans.sort_values("loan_id", ignore_index=True)
    at = moments.to_numpy("datetime64[us]")
    over = closing(loans, postings.payments, "known_at")
    first = np.searchsorted(at, loans["known_at"].to_numpy("datetime64[us]"), side="right")
    stop = np.where(np.isnat(over), len(at), np.searchsorted(at, over, side="right"))
    size = np.maximum(stop - first, 0)
    loan = np.repeat(np.arange(len(loans)), size)
    look = np.arange(len(loan)) - np.repeat(np.cumsum(size) - size - first, size)
    rows = loans.iloc[loan].assign(as_of=at[look])
    if _is_prompt(postings, moments):
        frame = _with_state(postings, rows, moments)
    else:
        parts = [_with_state(postings.known_before(moment), mine, pd.DatetimeIndex([moment]))
                 for moment, mine in rows.groupby("as_of")]  # fmt: skip
        frame = pd.concat(parts) if parts else _with_state(postings, rows, moments)
    return frame.sort_values(["as_of", "loan_id"], ignore_index=True)


def _has_due(postings: Postings, loans: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell of which loans it was known at each look when something falls due."""
    dues = _timed(postings.dues)
    first = dues.groupby("loan_id")["known_at"].min().reindex(loans["loan_id"])
    is_listed = first.to_numpy() < loans["as_of"].to_numpy()
    is_whole = (loans["due_at"].notna() & loans["owed_fen"].notna()).to_numpy()
    return np.asarray(is_whole | is_listed, bool)


def _timed(dues: pd.DataFrame) -> pd.DataFrame:
    """Keep the dues whose day and amount are known."""
    found = dues[dues["day"].notna() & dues["fen"].notna()]
    return found.astype({"fen": np.int64})


def _is_prompt(postings: Postings, moments: pd.DatetimeIndex) -> bool:
    """Tell whether every posting was known on its day, and looks are at midnight.

    Then one replay of all days sees at the end of each what was known before the next.
    """
    lent = postings.loans.set_index("loan_id")["known_at"]
    first = lent.reindex(postings.dues["loan_id"]).to_numpy()
    late = [
        (each["known_at"].dt.normalize() > each[day].dt.normalize()).any()
        for each, day in ((postings.loans, "disbursed_at"), (postings.payments, "day"),
                          (postings.events, "day"), (postings.faults, "day"))
    ]  # fmt: skip
    late.append((postings.dues["known_at"].to_numpy() > first).any())
    return not any(late) and bool((moments == moments.normalize()).all())


def closing(loans: pd.DataFrame, payments: pd.DataFrame, time: str) -> npt.NDArray[np.datetime64]:
    """Give when each loan's principal was back, by a time of the payments; NaT where it is not."""
    require_each_once(loans)
    paid = payments[payments["loan_id"].isin(loans["loan_id"])].sort_values(["loan_id", time])
    back = paid.groupby("loan_id")["principal_fen"].cumsum()
    lent = loans.set_index("loan_id")["principal_fen"].reindex(paid["loan_id"])
    done = paid[back.to_numpy() >= lent.to_numpy()].groupby("loan_id")[time].min()
    return done.reindex(loans["loan_id"]).to_numpy("datetime64[us]")


def _with_state(postings: Postings, rows: pd.DataFrame, moments: pd.DatetimeIndex) -> pd.DataFrame:
    """Add the state of loans at the end of the last day before looks; leave ended ones out."""
    ids = rows["loan_id"].unique()
    mine = Postings(
        postings.loans[postings.loans["loan_id"].isin(ids)],
        _timed(postings.dues[postings.dues["loan_id"].isin(ids)]),
        postings.payments[postings.payments["loan_id"].isin(ids)],
        postings.events[postings.events["merchant_id"].isin(rows["merchant_id"].unique())],
        postings.faults,
    )
    days = (moments - pd.Timedelta(microseconds=1)).normalize()
    states = replay(mine, days)[["loan_id", "day", "state", "days_past_due", "balance_fen"]]
    states["state"] = states["state"].astype(object)
    asked = rows.assign(day=(rows["as_of"] - pd.Timedelta(microseconds=1)).dt.normalize())
    asked["day"] = asked["day"].astype(states["day"].dtype)
    found = asked.merge(states, on=["loan_id", "day"], how="left").drop(columns="day")
    faults = find_uncounted(mine).set_index("loan_id").reindex(found["loan_id"])
    is_unknown = faults["day"].to_numpy() < found["as_of"].to_numpy()
    is_unknown &= found["state"].isna().to_numpy() & ~(
        faults["over_day"].to_numpy() < found["as_of"].to_numpy())  # fmt: skip
    found["state"] = found["state"].mask(is_unknown, "unknown")
    found = found[found["state"].notna() & ~found["state"].isin(("closed", "written_off"))]
    numbers = ["days_past_due", "balance_fen"]
    found[numbers] = found[numbers].fillna(-1)
    return found.astype(states[numbers].dtypes.to_dict())


def _require_rules(rules: object) -> None:
    """Refuse rules that are none."""
    require_kind("rules", rules, WarningRules, "must be WarningRules", do="use WARNING_RULES")


def _moments(as_of: object) -> pd.DatetimeIndex:
    """Read one moment, or several: sorted, each once."""
    if isinstance(as_of, pd.DataFrame):
        require_columns("as_of", map(str, as_of.columns), ("as_of",))
        as_of = as_of["as_of"]
    several = isinstance(as_of, Iterable) and not isinstance(as_of, str)
    listed = list(as_of) if several else [as_of]  # type: ignore[call-overload]
    if not listed:
        refuse("as_of", "must be at least one moment", "none")
    moments = {as_moment("as_of", each) for each in listed}
    return pd.DatetimeIndex(sorted(moments)).as_unit("us")


def _codes(holds: dict[str, npt.NDArray[np.bool_]], rows: int) -> npt.NDArray[np.object_]:
    """Give for each row the codes that hold, in order."""
    number = np.zeros(rows, dtype=np.int64)
    for k, each in enumerate(holds.values()):
        number |= each.astype(np.int64) << k
    names = list(holds)
    kinds, place = np.unique(number, return_inverse=True)
    words = np.empty(len(kinds), dtype=object)
    for at, kind in enumerate(kinds):
        words[at] = tuple(name for k, name in enumerate(names) if kind >> k & 1)
    return words[place]
