"""Loans in default and the money that came back on them, as known at a moment.

A loan's first default is its workout's start: the day after 90 days past due on a material amount,
or a sign that the borrower is unlikely to pay, whichever came first. A loan that cures and goes on
paying has recovered what it paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import (
    given_or,
    refusal,
    refuse,
    require_between,
    require_mapping,
    require_one_of,
    require_whole,
)
from alicredit.cohort import as_moment
from alicredit.errors import RecordError
from alicredit.ledger import (
    Postings,
    find_spells,
    find_uncounted,
    read_postings,
    replay,
    signs_of_loans,
)
from alicredit.records import Records, require_records

ACTIONS = ("sms", "voice", "phone", "visit", "legal")
COSTS_FEN: Mapping[str, int] = MappingProxyType(
    {"sms": 10, "voice": 30, "phone": 600, "visit": 15_000, "legal": 80_000}
)
"""What one step of collection costs, in fen (assumed)."""

MONTH_DAYS = 30
_LOANS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class WorkoutRules:
    """How money that comes back after a default is counted.

    Parameters
    ----------
    discount_rate : float, default 0.06
        Effective rate a year (act/365) at which recoveries and costs are discounted to the day of
        default (assumed: the benchmark of DOMAIN 2.2).
    horizon_months : int, default 24
        A workout is over after so many months of 30 days; nothing later counts (assumed).
    costs_fen : mapping of str to int, default ``COSTS_FEN``
        Cost of one step of collection by action, in fen (assumed).
    default_days : int, default 90
        Default from the day after so many days past due.

    Examples
    --------
    >>> WorkoutRules().costs_fen["visit"]
    15000
    >>> WorkoutRules(discount_rate=6)
    Traceback (most recent call last):
    alicredit.errors.InputError: discount_rate must be a number from 0 to 1; found 6.
    """

    discount_rate: float = 0.06
    horizon_months: int = 24
    costs_fen: Mapping[str, int] = field(default_factory=lambda: COSTS_FEN)
    default_days: int = 90

    def __post_init__(self) -> None:
        """Refuse values without meaning."""
        require_between("discount_rate", self.discount_rate, 0, 1)
        require_whole("horizon_months", self.horizon_months, 1, high=240)
        require_whole("default_days", self.default_days, 1, high=3650)
        require_costs(self.costs_fen)


def require_costs(costs_fen: Mapping[str, int]) -> None:
    """Refuse costs that do not name each action, or are no whole fen.

    Examples
    --------
    >>> require_costs(COSTS_FEN)
    >>> require_costs({"sms": 10})
    Traceback (most recent call last):
    alicredit.errors.InputError: costs_fen must name each action; found none for 'voice'.
    """
    rule = "must be a mapping from action to fen"
    require_mapping("costs_fen", costs_fen, rule)
    for action, fen in costs_fen.items():
        require_one_of("costs_fen", action, ACTIONS)
        require_whole(f"costs_fen[{action!r}]", fen, 0, high=10**12)
    for action in ACTIONS:
        if action not in costs_fen:
            refuse("costs_fen", "must name each action", f"none for {action!r}")


@dataclass(frozen=True, eq=False)
class Workouts:
    """Defaulted loans and what came back on them.

    Parameters
    ----------
    loans : pandas.DataFrame
        One row a loan, sorted by ``loan_id``: ``merchant_id, product_id, default_day,
        exposure_day`` (the last day before it, or the loan's first), ``exposure_fen`` (principal
        outstanding and interest accrued at the end of it), ``months_observed`` (whole months of 30
        days since), ``outcome`` (the ledger's state when last seen) and ``is_complete`` (repaid, or
        the horizon is over).
    flows : pandas.DataFrame
        ``loan`` (place in ``loans``), ``day``, ``month`` (from 1), ``fen`` (received; negative:
        cost) and ``discounted_fen``, within the horizon.
    unknown : pandas.DataFrame
        ``loan_id, merchant_id, kind``: loans left out, since a row of theirs cannot be counted.
    """

    loans: pd.DataFrame
    flows: pd.DataFrame
    unknown: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"loan_id": [], "merchant_id": [], "kind": []})
    )


def find_workouts(
    records: Records, *, as_of: object, rules: WorkoutRules | None = None
) -> Workouts:
    """Find the loans that had defaulted before a moment, and what had come back on them.

    Parameters
    ----------
    records : Records
        With ``loans``, and what was due, paid and done to collect.
    as_of : str, date or timestamp
        Only what happened and was known before is read; where the records say that they end
        earlier, before their end.
    rules : WorkoutRules or None, default None
        None stands for ``WorkoutRules()``.

    Returns
    -------
    Workouts
        Loans of which nothing was owed when the sign came are left out; so are those repaid by
        their due date in spite of a sign that had come before them.

    Raises
    ------
    InputError
        If ``as_of`` is no moment.
    RecordError
        If there are no loans, an amount is no money, or a step of collection has no known action.

    Examples
    --------
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> paid = pd.DataFrame({"loan_id": ["l"], "at": pd.to_datetime(["2013-06-12"]),
    ...     "amount": [1000.0], "principal": [1000.0], "interest": [0.0]})
    >>> records = read_records({"merchants": merchants, "loans": loans, "repayments": paid})
    >>> made = find_workouts(records, as_of="2013-07-01")
    >>> made.loans[["exposure_fen", "months_observed"]].to_numpy().tolist()
    [[507500, 3]]
    >>> made.flows[["month", "fen"]].to_numpy().tolist()
    [[4, 100000]]
    >>> find_workouts(records, as_of="soon")
    Traceback (most recent call last):
    alicredit.errors.InputError: as_of must be a date or time such as '2013-05-01'; found 'soon'.
    """
    chosen, until = given_or("rules", rules, WorkoutRules), _until(require_records(records), as_of)
    book = read_postings(records).known_before(until)
    unknown = find_uncounted(book)[["loan_id", "merchant_id", "kind"]]
    loans = first_defaults(book, until, default_days=chosen.default_days)
    loans = loans[~loans["loan_id"].isin(unknown["loan_id"])]
    loans = loans[~_kept_in_spite(book, loans)].reset_index(drop=True)
    book = _only(book, loans["loan_id"])
    loans["exposure_fen"] = _exposures(book, loans)
    loans = loans[loans["exposure_fen"] > 0].reset_index(drop=True)
    last = until.normalize() - pd.Timedelta(days=1)
    seen = (last - loans["exposure_day"]).dt.days.to_numpy(np.int64)
    loans["months_observed"] = np.maximum(seen, 0) // MONTH_DAYS
    loans["outcome"] = _outcomes(book, loans, last)
    is_over = loans["months_observed"] >= chosen.horizon_months
    loans["is_complete"] = is_over | loans["outcome"].eq("closed")
    flows = _flows(records, book, loans, until, chosen)
    return Workouts(loans, flows, unknown.reset_index(drop=True))


def _until(records: Records, as_of: object) -> pd.Timestamp:
    """Give the moment before which facts are read: as_of, or where the records end before it."""
    moment, noted = as_moment("as_of", as_of), records.notes.get("observed_until")
    return moment if noted is None else min(moment, as_moment("observed_until", noted))


def first_defaults(book: Postings, until: pd.Timestamp, *, default_days: int = 90) -> pd.DataFrame:
    """List loans whose first default lies on a day that was over.

    Examples
    --------
    >>> day = pd.to_datetime(["2012-12-11"]).astype("datetime64[us]")
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "product_id": ["p"],
    ...                       "principal_fen": [500_000], "disbursed_at": day})
    >>> dues = pd.DataFrame({"loan_id": ["l"], "day": day, "fen": [507_500]})
    >>> paid = pd.DataFrame({"loan_id": [], "day": day[:0], "fen": [], "principal_fen": []})
    >>> found = first_defaults(Postings(loans, dues, paid, paid), pd.Timestamp("2013-05-01"))
    >>> str(found["default_day"][0].date())
    '2013-03-12'
    """
    late = find_spells(book).beyond(default_days)[["loan_id", "day"]]
    signs = signs_of_loans(book)[["loan_id", "day"]] if len(book.events) else late[:0]
    first = pd.concat([late, signs]).groupby("loan_id")["day"].min()
    loans = book.loans[["loan_id", "merchant_id", "product_id", "disbursed_at"]]
    loans = loans.sort_values("loan_id", ignore_index=True)
    start = loans.pop("disbursed_at").dt.normalize()
    day = first.reindex(loans["loan_id"]).reset_index(drop=True).astype("datetime64[us]")
    loans["default_day"] = day.where(day.isna() | (day >= start), start)
    before = loans["default_day"] - pd.Timedelta(days=1)
    loans["exposure_day"] = before.where(before.isna() | (before >= start), start)
    is_past = loans["default_day"].notna() & (loans["default_day"] < until.normalize())
    return loans[is_past].reset_index(drop=True)


def _kept_in_spite(book: Postings, loans: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell which defaults are by a sign from before a loan that was then repaid by its due date."""
    if loans.empty:
        return np.zeros(0, dtype=bool)
    lent = book.loans.set_index("loan_id")
    last = book.payments["loan_id"].map(lent["due_at"].dt.normalize())
    in_time = book.payments[book.payments["day"] <= last]
    paid = loans["loan_id"].map(in_time.groupby("loan_id")["principal_fen"].sum()).fillna(0)
    is_repaid = paid >= loans["loan_id"].map(lent["principal_fen"])
    is_older = loans["default_day"] == loans["exposure_day"]
    return np.asarray(is_repaid & is_older, dtype=bool)


def _only(book: Postings, ids: pd.Series) -> Postings:
    """Keep the rows of some loans."""
    events = book.events
    loans = book.loans[book.loans["loan_id"].isin(ids)]
    mine = events["merchant_id"].isin(loans["merchant_id"])
    return Postings(
        loans, book.dues[book.dues["loan_id"].isin(ids)],
        book.payments[book.payments["loan_id"].isin(ids)], events[mine],
    )  # fmt: skip


def _exposures(book: Postings, loans: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Give principal and accrued interest at the end of each loan's own day."""
    found = np.zeros(len(loans), dtype=np.int64)
    order = np.argsort(loans["exposure_day"].to_numpy(), kind="stable")
    for low in range(0, len(order), _LOANS_AT_ONCE):
        rows = order[low : low + _LOANS_AT_ONCE]
        mine = loans.iloc[rows]
        states = replay(_only(book, mine["loan_id"]), mine["exposure_day"].unique())
        states = states.rename(columns={"day": "exposure_day"})
        asked = mine[["loan_id", "exposure_day"]]
        both = asked.merge(states, on=["loan_id", "exposure_day"], how="left")
        fen = (both["balance_fen"] + both["accrued_fen"]).where(both["balance_fen"] > 0, 0)
        found[rows] = fen.to_numpy(np.int64)
    return found


def _outcomes(book: Postings, loans: pd.DataFrame, last: pd.Timestamp) -> pd.Series:
    """Give each loan's state on the last day that was seen."""
    if loans.empty:
        return pd.Series(dtype=object)
    states = replay(_only(book, loans["loan_id"]), [last]).set_index("loan_id")["state"]
    return loans["loan_id"].map(states.astype(str)).astype(object)


def _flows(
    records: Records, book: Postings, loans: pd.DataFrame, until: pd.Timestamp, rules: WorkoutRules
) -> pd.DataFrame:
    """List money received and spent after each loan's exposure was taken."""
    paid = book.payments[["loan_id", "day", "fen"]]
    rows = pd.concat([paid, _costs(records, until, rules)], ignore_index=True)
    place = pd.Index(loans["loan_id"]).get_indexer(pd.Index(rows["loan_id"]))
    rows = rows.assign(loan=place)[place >= 0]
    exposed = loans["exposure_day"].to_numpy()[rows["loan"]]
    after = (rows["day"].to_numpy() - exposed).astype("timedelta64[D]").astype(np.int64)
    rows["month"] = (after - 1) // MONTH_DAYS + 1
    since = rows["day"].to_numpy() - loans["default_day"].to_numpy()[rows["loan"]]
    years = since.astype("timedelta64[D]").astype(np.int64) / 365
    rows["discounted_fen"] = rows["fen"] * (1 + rules.discount_rate) ** -years
    kept = rows[(after > 0) & (rows["month"] <= rules.horizon_months)]
    columns = ["loan", "day", "month", "fen", "discounted_fen"]
    return kept[columns].sort_values(columns, ignore_index=True)


def _costs(records: Records, until: pd.Timestamp, rules: WorkoutRules) -> pd.DataFrame:
    """List what steps of collection cost, as negative amounts."""
    if "collections" not in records:
        types = {"loan_id": "object", "day": "datetime64[us]", "fen": "int64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})
    con = records.connect(["collections", "loans"], kept=True)
    try:
        steps = con.execute(
            "SELECT loan_id, CAST(_happened AS DATE) AS day, action, count(*) AS steps "
            f"FROM ({records.fact_sql('collections')}) WHERE _happened < $1 AND _known < $1 "
            "GROUP BY ALL ORDER BY ALL",
            [until.to_pydatetime()],
        ).df()
    finally:
        con.close()
    strange = steps.loc[~steps["action"].isin(list(rules.costs_fen)), "action"]
    if len(strange):
        found = "a missing one" if pd.isna(strange.iloc[0]) else repr(strange.iloc[0])
        rule = f"must be one of {', '.join(rules.costs_fen)}: otherwise its cost is not known"
        raise RecordError(refusal("collections.action", rule, found, "write what was done"))
    cost = steps["action"].map(dict(rules.costs_fen)).astype(np.int64)
    day = steps["day"].astype("datetime64[us]")
    return steps[["loan_id"]].assign(day=day, fen=-cost * steps["steps"].to_numpy(np.int64))
