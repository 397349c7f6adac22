"""A book replayed: each loan's balance, interest, lateness and state at the end of each day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import given_or, refuse, require_whole
from alicredit.cohort import as_moment
from alicredit.ledger.arrears import lateness
from alicredit.ledger.grid import Grid, Whole
from alicredit.ledger.plans import dues_in_force
from alicredit.ledger.postings import Postings, require_each_once
from alicredit.ledger.signs import signs_of_loans
from alicredit.ledger.states import BUCKET_ENDS, BUCKETS, STATES, StateRules
from alicredit.loans.book.days import thirtieths_charged
from alicredit.loans.book.exact import rounded, shares

_FOREVER = np.int64(4 * 10**6)  # days from 1970: after the year 9999, the last that a date has
_MOST_ROWS = 30_000_000
_CODE = {word: code for code, word in enumerate(STATES)}


def replay(postings: Postings, days: object, *, rules: StateRules | None = None) -> pd.DataFrame:
    """Give each loan's state at the end of each of some days.

    A loan has a row for each day from its disbursement to the first on which it is closed or
    written off; one with a row that cannot be counted, to the day before that row: see
    :func:`alicredit.ledger.find_unknown`, which names it. A plan replaces what was due before it.

    Parameters
    ----------
    postings : Postings
        Dues, payments and signs of trouble, see :func:`read_postings`.
    days : sequence of dates
        Which days: ``pandas.date_range`` for all of a stretch, or month ends.
    rules : StateRules or None, default None
        None stands for ``StateRules()``.

    Returns
    -------
    pandas.DataFrame
        By loan and day: ``loan_id, day``; in fen ``balance_fen`` (principal outstanding),
        ``accrued_fen`` (contract interest to the day less what was paid of it, so that a payment on
        the day would owe it), ``due_fen`` (fallen due by the end of the day and unpaid),
        ``overdue_fen`` (fallen due before the day and unpaid); ``days_past_due`` (0 while what is
        overdue is immaterial), ``bucket`` and ``state``.

    Raises
    ------
    InputError
        If there are no days, or one that is none or carries a zone, or more than 30 million rows:
        see :func:`replay_batches`.

    Examples
    --------
    >>> from alicredit.ledger import read_postings
    >>> from alicredit.records import read_records
    >>> merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
    ...                           "registered_at": pd.to_datetime(["2011-05-01"])})
    >>> loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
    ...     "product_id": ["taobao_order"], "principal": [5000.0],
    ...     "disbursed_at": pd.to_datetime(["2012-11-11"]),
    ...     "due_at": pd.to_datetime(["2012-12-11"])})
    >>> book = read_postings(read_records({"merchants": merchants, "loans": loans}))
    >>> states = replay(book, pd.to_datetime(["2012-11-17", "2012-12-31", "2013-03-31"]))
    >>> states[["accrued_fen", "days_past_due", "state"]].to_numpy().tolist()
    [[1500, 0, 'current'], [7500, 20, 'arrears'], [7500, 110, 'default']]
    >>> replay(book, [])
    Traceback (most recent call last):
    alicredit.errors.InputError: days must be at least one day; found none.
    """
    book = _Book.of(postings, given_or("rules", rules, StateRules))
    grid = _grid_of(days)
    rows = book.rows_on(grid)
    if rows > _MOST_ROWS:
        refuse("days", f"must give at most {_MOST_ROWS} rows", rows, "use replay_batches")
    return book.states(grid, 0, len(book.loans))


def replay_batches(
    postings: Postings,
    days: object,
    *,
    rules: StateRules | None = None,
    loans_a_batch: int = 50_000,
) -> Iterator[pd.DataFrame]:
    """Replay a book of any size in parts: the frames of :func:`replay`, some loans at a time.

    Parameters
    ----------
    postings : Postings
        Dues, payments and signs of trouble.
    days : sequence of dates
        Which days.
    rules : StateRules or None, default None
        None stands for ``StateRules()``.
    loans_a_batch : int, default 50000
        How many loans at a time; the answer does not depend on it.

    Yields
    ------
    pandas.DataFrame
        As :func:`replay` gives, for the next loans.

    Raises
    ------
    InputError
        If there are no days, or a batch of no loan is asked for.

    Examples
    --------
    >>> nothing = pd.DataFrame({"loan_id": []})
    >>> list(replay_batches(Postings(nothing, nothing, nothing, nothing), [], loans_a_batch=0))
    Traceback (most recent call last):
    alicredit.errors.InputError: loans_a_batch must be a whole number of at least 1; found 0.
    """
    require_whole("loans_a_batch", loans_a_batch, 1)
    grid = _grid_of(days)
    book = _Book.of(postings, given_or("rules", rules, StateRules))
    for low in range(0, len(book.loans), loans_a_batch):
        yield book.states(grid, low, min(low + loans_a_batch, len(book.loans)))


def _grid_of(days: object) -> Whole:
    """Read the days of a grid, sorted and each once."""
    if isinstance(days, str) or not isinstance(days, Iterable):
        refuse("days", "must be several dates", repr(days), "put them into a list")
    found = [as_moment("days", each) for each in days]
    if not found:
        refuse("days", "must be at least one day", "none")
    return np.unique(_as_day(pd.Series(found)))


def _as_day(moments: pd.Series) -> Whole:
    """Turn times into days from 1970."""
    return moments.to_numpy().astype("datetime64[D]").astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows that belong to loans, sorted by loan: parts of loans are slices."""

    loan: Whole
    day: Whole
    columns: dict[str, Whole]

    @classmethod
    def of(cls, frame: pd.DataFrame, ids: pd.Index, *names: str) -> _Rows:
        """Place rows by their loan and day; rows of unknown loans are left out."""
        loan, day = ids.get_indexer(pd.Index(frame["loan_id"])), _as_day(frame["day"])
        order = np.lexsort((day, loan))
        order = order[np.searchsorted(loan[order], 0) :]
        columns = {name: frame[name].to_numpy()[order] for name in names}
        return cls(loan[order].astype(np.int64), day[order], columns)

    def part(self, low: int, high: int) -> _Rows:
        """Give the rows of loans ``low`` to ``high``, counted from ``low``."""
        begin, end = np.searchsorted(self.loan, [low, high])
        columns = {name: each[begin:end] for name, each in self.columns.items()}
        return _Rows(self.loan[begin:end] - low, self.day[begin:end], columns)


@dataclass(frozen=True, eq=False)
class _Book:
    """A book laid out by places of loans, in days from 1970."""

    loans: pd.DataFrame
    start: Whole
    end: Whole
    over: Whole
    unknown: Whole
    planned: tuple[Whole, Whole]
    rate: npt.NDArray[np.int64]
    rate_base: int
    dues: _Rows
    paid: _Rows
    late: _Rows
    signs: _Rows
    rules: StateRules

    @classmethod
    def of(cls, postings: Postings, rules: StateRules) -> _Book:
        """Lay a book out, and find its spells of lateness."""
        loans = postings.loans.reset_index(drop=True)
        require_each_once(loans)
        ids = pd.Index(loans["loan_id"])
        rate, base = shares("rate", loans["rate"].to_numpy(dtype=float))
        late, closed = lateness(postings, rules.material_fen, rules.material_share)
        owed = dues_in_force(postings.dues, postings.payments, postings.events)
        owed = owed[owed["day"].notna()]
        found = signs_of_loans(postings)
        ends = _filled(found["over_day"].to_numpy())
        signs = _Rows.of(found.assign(over=ends), ids, "kind", "over")
        gone = _first_write_off(signs, _as_day(loans["disbursed_at"]))
        return cls(
            loans, _as_day(loans["disbursed_at"]), _as_day(loans["due_at"]),
            np.minimum(_filled(closed), gone), _first_fault(postings, ids), _plans(owed, ids),
            rate, base,
            _Rows.of(owed.assign(late=_as_day(owed["late_day"])), ids, "fen", "interest_fen",
                     "late"),
            _Rows.of(_with_interest(postings.payments), ids, "fen", "principal_fen",
                     "interest_fen", "penalty_fen"),
            _Rows(late["loan"].to_numpy(), _as_day(late["due_day"]),
                  {"settled": _filled(late["settled_day"].to_numpy())}),
            signs, rules,
        )  # fmt: skip

    def _stretch(self, days: Whole) -> tuple[Whole, Whole]:
        """Give the places of each loan's first row and of the one after its last."""
        first = np.searchsorted(days, self.start, side="left")
        stop = np.minimum(np.searchsorted(days, self.over, side="left") + 1, len(days))
        return first, np.minimum(stop, np.searchsorted(days, self.unknown, side="left"))

    def rows_on(self, days: Whole) -> int:
        """Count the rows that a grid gives."""
        first, stop = self._stretch(days)
        return int(np.maximum(stop - first, 0).sum())

    def states(self, days: Whole, low: int, high: int) -> pd.DataFrame:
        """Replay some loans."""
        first, stop = self._stretch(days)
        grid = Grid(days, first[low:high], stop[low:high])
        money = self._money(grid, low, high)
        late = self._days_past_due(grid, low, high)
        state = self._state(grid, low, high, late, money["balance_fen"])
        ids = self.loans["loan_id"].iloc[low:high].array
        bucket = np.searchsorted(BUCKET_ENDS, late, side="left").astype(np.int8)
        return pd.DataFrame(
            {
                "loan_id": ids.take(grid.loan),
                "day": grid.day.astype("datetime64[D]").astype("datetime64[us]"),
                **money,
                "days_past_due": late.astype(np.int32),
                "bucket": pd.Categorical.from_codes(bucket, list(BUCKETS), ordered=True),
                "state": pd.Categorical.from_codes(state, list(STATES)),
            }
        )

    def _money(self, grid: Grid, low: int, high: int) -> dict[str, Whole]:
        """Give balance, interest accrued, what is due and what is overdue."""
        paid, dues = self.paid.part(low, high), self.dues.part(low, high)
        lent = self.loans["principal_fen"].to_numpy(np.int64)[low:high]
        back = paid.columns["principal_fen"]
        balance = np.maximum(lent[grid.loan] - grid.running(paid.loan, paid.day, back), 0)
        toward = paid.columns["fen"] - paid.columns["penalty_fen"]
        settled = grid.running(paid.loan, paid.day, toward)
        fallen = grid.running(dues.loan, dues.day, dues.columns["fen"])
        before = grid.running(dues.loan, dues.columns["late"], dues.columns["fen"])
        interest = self._interest(grid, low, high, balance)
        interest -= grid.running(paid.loan, paid.day, paid.columns["interest_fen"])
        is_open = balance > 0
        amounts = {"accrued_fen": interest, "due_fen": fallen - settled}
        amounts["overdue_fen"] = before - settled
        open_only = {name: np.where(is_open, np.maximum(fen, 0), 0) for name, fen in
                     amounts.items()}  # fmt: skip
        return {"balance_fen": balance} | open_only

    def _interest(self, grid: Grid, low: int, high: int, balance: Whole) -> Whole:
        """Accrue contract interest to each row's day, paid or not, to the loan's last due date."""
        paid, end, start = self.paid.part(low, high), self.end[low:high], self.start[low:high]
        by_day = self.loans["rate_unit"].eq("day").to_numpy()[low:high]
        rate = np.broadcast_to(self.rate, self.start.shape)[low:high]
        until = np.minimum(grid.day, end[grid.loan])
        back = paid.columns["principal_fen"]
        lent = self.loans["principal_fen"].to_numpy(np.int64)[low:high]
        held = np.minimum(paid.day, end[paid.loan]) - start[paid.loan]
        repaid_days = (back * held).astype(np.int64)
        whole = (until - start[grid.loan]) * balance + grid.running(
            paid.loan, paid.day, repaid_days
        )
        whole = np.minimum(whole, lent[grid.loan] * np.maximum(until - start[grid.loan], 0))
        interest = rounded(self.rate_base, np.maximum(whole, 0), rate[grid.loan])
        since, last = (each[low:high][grid.loan] for each in self.planned)
        is_planned = grid.day >= since
        by_month = ~by_day[grid.loan] | is_planned
        if not by_month.any():
            return interest
        until = np.where(is_planned, np.minimum(grid.day, np.maximum(last, end[grid.loan])), until)
        return np.where(by_month, self._monthly(grid, low, high, balance, until), interest)

    def _monthly(self, grid: Grid, low: int, high: int, balance: Whole, until: Whole) -> Whole:
        """Give interest that fell due by instalments, and that of the time since the last."""
        dues, start = self.dues.part(low, high), self.start[low:high]
        by_day = self.loans["rate_unit"].eq("day").to_numpy()[low:high]
        rate = np.broadcast_to(self.rate, self.start.shape)[low:high] * np.where(by_day, 30, 1)
        fallen = grid.running(dues.loan, dues.day, dues.columns["interest_fen"])
        new = np.diff(dues.loan, prepend=-1) != 0
        gap = np.where(new, dues.day - start[dues.loan], np.diff(dues.day, prepend=0))
        last = start[grid.loan] + grid.running(dues.loan, dues.day, gap)
        since = np.clip(until - last, 0, 30)
        long = np.flatnonzero(until - last > 27)
        days = (each[long].astype("datetime64[D]") for each in (last, until))
        since[long] = thirtieths_charged(*days)
        return fallen + rounded(self.rate_base * 30, balance, rate[grid.loan], since)

    def _days_past_due(self, grid: Grid, low: int, high: int) -> Whole:
        """Count days since the oldest due that is materially unpaid."""
        late = self.late.part(low, high)
        settled = late.columns["settled"]
        is_next = np.diff(late.loan, prepend=-1) == 0
        earlier = np.where(is_next, np.concatenate([[0], settled])[:-1], -_FOREVER)
        oldest_from = np.maximum(late.day + 1, earlier)
        oldest = grid.between(late.loan, oldest_from, settled, late.day + _FOREVER)
        return np.where(oldest > 0, grid.day - (oldest - _FOREVER), 0)

    def _state(
        self, grid: Grid, low: int, high: int, late_days: Whole, balance: Whole
    ) -> npt.NDArray[np.int8]:
        """Choose the state of each row."""
        rules, late, signs = self.rules, self.late.part(low, high), self.signs.part(low, high)
        beyond, settled = late.day + rules.default_days + 1, late.columns["settled"]
        hit = settled >= beyond
        over = np.minimum(settled + rules.probation_days, _FOREVER)
        on_probation = grid.between(late.loan[hit], beyond[hit], over[hit]) > 0
        kind = signs.columns["kind"]
        deal = kind == "restructured"
        deal_over = signs.day + rules.restructure_probation_days
        restructured = grid.between(signs.loan[deal], signs.day[deal], deal_over[deal]) > 0
        lost = (kind == "written_off") & (signs.day >= self.start[low:high][signs.loan])
        written_off = grid.running(signs.loan[lost], signs.day[lost], lost[lost] * 1) > 0
        other = ~deal & (kind != "written_off")
        is_over = signs.columns["over"][other]
        unlikely = grid.between(signs.loan[other], signs.day[other], is_over) > 0
        watched = np.minimum(is_over + rules.probation_days, _FOREVER)
        on_probation |= grid.between(signs.loan[other], is_over, watched) > 0
        in_default = (late_days > rules.default_days) | unlikely | (on_probation & (late_days > 0))
        return np.select(
            [balance <= 0, written_off, in_default, restructured, on_probation, late_days > 0],
            [_CODE[w] for w in ("closed", "written_off", "default", "restructured", "cured",
                                "arrears")],
            _CODE["current"],
        ).astype(np.int8)  # fmt: skip


def _with_interest(payments: pd.DataFrame) -> pd.DataFrame:
    """Say how much of each payment was interest: where that is not told, what is left of it."""
    if "interest_fen" in payments:
        return payments
    rest = payments["fen"] - payments["penalty_fen"] - payments["principal_fen"]
    return payments.assign(interest_fen=rest)


def _filled(days: npt.NDArray[np.datetime64]) -> Whole:
    """Turn days into numbers, a missing one into one that never comes."""
    day = days.astype("datetime64[D]")
    return np.where(np.isnat(day), _FOREVER, day.astype(np.int64))


def _first_fault(postings: Postings, ids: pd.Index) -> Whole:
    """Give the day from which on it is not known what each loan owes."""
    found = np.full(len(ids), _FOREVER)
    at = ids.get_indexer(postings.faults["loan_id"])
    np.minimum.at(found, at[at >= 0], _as_day(postings.faults["day"])[at >= 0])
    return found


def _plans(owed: pd.DataFrame, ids: pd.Index) -> tuple[Whole, Whole]:
    """Give the day of each loan's first plan, and the last day on which one asks for money."""
    first, last = np.full(len(ids), _FOREVER), np.full(len(ids), -_FOREVER)
    mine = owed[owed["plan"] > 0]
    at, day = ids.get_indexer(mine["loan_id"]), _as_day(mine["day"])
    np.minimum.at(first, at[at >= 0], day[at >= 0])
    np.maximum.at(last, at[at >= 0], day[at >= 0])
    return first, last


def _first_write_off(signs: _Rows, start: Whole) -> Whole:
    """Give the day each loan is written off, after it was lent."""
    found = np.full(len(start), _FOREVER)
    lost = (signs.columns["kind"] == "written_off") & (signs.day >= start[signs.loan])
    np.minimum.at(found, signs.loan[lost], signs.day[lost])
    return found
