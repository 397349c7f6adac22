"""What happens to each loan of a book in order of time: its dues and its events as steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import nearest, refuse, require_columns
from alicredit.loans.book.days import add_months, as_days
from alicredit.loans.book.exact import Whole, flags, rounded, whole
from alicredit.loans.contract import EVENT_KINDS, MONEY_KINDS, Terms
from alicredit.loans.rates import exact_share

CODES = {word: code for code, word in enumerate(("due", *EVENT_KINDS))}
"""The kinds of a step as small numbers."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Loans by place, and steps sorted by their number within the loan.

    Days are counted from 1970. ``left`` of a due is how many dues follow it; ``epoch`` of a due is
    the number of the restructure that made it, and of a restructure its own number; ``slice`` is a
    place in ``slices``, which lists those of all loans.
    """

    start: Whole
    principal: Whole
    fee: Whole
    is_first_loan: npt.NDArray[np.bool_]
    slices: Whole
    count: int
    loan: Whole
    day: Whole
    kind: npt.NDArray[np.int8]
    fen: Whole
    slice: Whole
    left: Whole
    epoch: Whole
    begins: Whole
    span_days: int

    @property
    def rounds(self) -> int:
        """Give the most steps any loan has."""
        return len(self.begins) - 1

    def of_round(self, number: int) -> npt.NDArray[np.intp]:
        """Give the rows of the steps that are each loan's so many-th."""
        return np.arange(self.begins[number], self.begins[number + 1])


def lay_out(terms: Terms, loans: pd.DataFrame, events: pd.DataFrame | None, until: object) -> Steps:
    """Check loans and events, and lay their dues and events out as steps.

    Examples
    --------
    >>> from alicredit.loans import per_day
    >>> loans = pd.DataFrame({"loan_id": ["a"], "principal_fen": [500_000],
    ...                       "start": pd.to_datetime(["2012-11-11"])})
    >>> lay_out(Terms(rate=per_day("0.0005"), days=30), loans, None, "2012-12-31").rounds
    1
    """
    require_columns("loans", map(str, loans.columns), ("loan_id", "principal_fen", "start"))
    if loans["loan_id"].duplicated().any():
        twice = loans["loan_id"][loans["loan_id"].duplicated()].iloc[0]
        refuse("loans", "must list each loan once", repr(twice))
    if loans["loan_id"].isna().any():
        refuse("loans", "must name each loan by its loan_id", "a missing one")
    last = int(as_days("until", np.array([until], dtype=object)).astype(np.int64)[0])
    start = as_days("start", loans["start"])
    if len(start) and int(start.astype(np.int64).max()) > last:
        refuse("until", "must not lie before disbursement", str(until)[:10])
    days, slices, offsets = start.astype(np.int64), *_slices(loans)
    parts = _dues(terms, loans, start, last)
    if events is not None and len(events):
        parts += _events(loans, events, days, last, (slices, offsets))
    table = pd.DataFrame({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
    table = table.sort_values(["loan", "day", "rank"], kind="stable", ignore_index=True)
    table["step"] = table.groupby("loan").cumcount()
    table = table.sort_values(["step", "loan"], kind="stable", ignore_index=True)
    sizes = np.bincount(table["step"]) if len(table) else np.zeros(0, dtype=np.int64)
    column: dict[str, Any] = {name: table[name].to_numpy() for name in parts[0] if name != "rank"}
    return Steps(
        days, whole("principal_fen", loans["principal_fen"], low=1), _fees(terms, loans),
        _flag(loans, "is_first_loan", is_default=False), slices, terms.months or 1,
        begins=np.concatenate([[0], np.cumsum(sizes)]),
        span_days=last - int(days.min(initial=last)) + 1, **column,
    )  # fmt: skip


def _flag(loans: pd.DataFrame, name: str, *, is_default: bool) -> npt.NDArray[np.bool_]:
    """Read a column of true and false that may be absent."""
    if name not in loans:
        return np.full(len(loans), is_default)
    return flags(name, loans[name])


def _fees(terms: Terms, loans: pd.DataFrame) -> Whole:
    """Charge the service fee of each loan."""
    fee, amount = terms.fee, whole("principal_fen", loans["principal_fen"], low=1)
    if fee.basis == "per_line" and "line_fen" in loans:
        amount = whole("line_fen", loans["line_fen"])
    share = exact_share("rate", fee.rate)
    charged = rounded(share.denominator, amount, share.numerator)
    first = _flag(loans, "is_first_draw", is_default=True)
    bears_fee = first | (fee.basis == "per_disbursement")
    return np.where(bears_fee & (fee.basis != "none"), charged, 0)


def _slices(loans: pd.DataFrame) -> tuple[Whole, Whole]:
    """List the slices of all loans, and where each loan's begin."""
    if "slices" not in loans:
        return np.zeros(0, dtype=np.int64), np.zeros(len(loans) + 1, dtype=np.int64)
    counts = loans["slices"].map(len).to_numpy(dtype=np.int64)
    flat = whole("slices", np.array([fen for row in loans["slices"] for fen in row] or [1]), low=1)
    flat = flat[: int(counts.sum())]
    owner = np.repeat(np.arange(len(loans)), counts)
    total = np.zeros(len(loans), dtype=np.int64)
    np.add.at(total, owner, flat)
    over = np.flatnonzero(total > loans["principal_fen"].to_numpy())
    if len(over):
        refuse("slices", "must sum to at most the principal", f"{total[over[0]]} in row {over[0]}")
    return flat, np.concatenate([[0], np.cumsum(counts)])


def _step(loan: Whole, day: Whole, **given: object) -> dict[str, Any]:
    """Make rows of steps; what is not given is nothing."""
    names = {"kind": np.int8, "fen": np.int64, "slice": np.int64, "left": np.int64}
    row = {"loan": loan, "day": day}
    for name, kind in (names | {"epoch": np.int64, "rank": np.int8}).items():
        row[name] = np.broadcast_to(np.asarray(given.get(name, 0), dtype=kind), loan.shape)
    return row


def _dues(
    terms: Terms, loans: pd.DataFrame, start: npt.NDArray[np.datetime64], last: int
) -> list[dict[str, Any]]:
    """Lay out the dues up to the last day."""
    everyone = np.arange(len(start))
    if "due" in loans:
        end = as_days("due", loans["due"])
        if terms.days is None or (end <= start).any():
            refuse("due", "must lie after start, and the terms be in days", str(end[:1]))
        ends = [end]
    elif terms.days is not None:
        ends = [start + np.timedelta64(terms.days, "D")]
    else:
        ends = [add_months(start, k) for k in range(1, (terms.months or 1) + 1)]
    found = []
    for number, end in enumerate(ends):
        day = end.astype(np.int64)
        live = day <= last
        found.append(_step(everyone[live], day[live], left=len(ends) - 1 - number))
    return found


def _events(
    loans: pd.DataFrame, events: pd.DataFrame, start: Whole, last: int, slices: tuple[Whole, Whole]
) -> list[dict[str, Any]]:
    """Lay out the events, and the due that each restructure makes."""
    require_columns("events", map(str, events.columns), ("loan_id", "day", "kind"))
    loan = pd.Index(loans["loan_id"]).get_indexer(pd.Index(events["loan_id"]))
    _refuse_first("loan_id", "must be of the book", events["loan_id"], loan < 0)
    code = events["kind"].map(CODES).fillna(0).to_numpy(dtype=np.int8)
    hint = nearest(str(events["kind"].iloc[int((code == 0).argmax())]), EVENT_KINDS)
    _refuse_first("kind", "must be a kind of event", events["kind"], code == 0, hint)
    day = as_days("day", events["day"]).astype(np.int64)
    _refuse_first("events", "must not lie before disbursement", events["day"], day < start[loan])
    _refuse_first("events", "must not lie after until", events["day"], day > last)
    is_money = np.isin(code, [CODES[word] for word in MONEY_KINDS])
    fen = _amounts(events, is_money)
    is_order = code == CODES["order_success"]
    place = _places(events, loan, is_order, slices)
    is_new = code == CODES["restructured"]
    order = np.lexsort((day, loan))
    number = np.zeros(len(events), dtype=np.int64)
    made = pd.Series(is_new[order]).groupby(loan[order]).cumsum().to_numpy()
    number[order] = made * is_new[order]
    steps = [_step(loan, day, kind=code, fen=fen, slice=place, epoch=number, rank=1)]
    if is_new.any():
        require_columns("events", map(str, events.columns), ("until",))
        end = as_days("until", events["until"][is_new]).astype(np.int64)
        wrong = np.zeros(len(events), dtype=bool)
        wrong[is_new] = end <= day[is_new]
        _refuse_first("until", "must lie after the day of the event", events["until"], wrong)
        live = end <= last
        steps.append(_step(loan[is_new][live], end[live], epoch=number[is_new][live]))
    return steps


def _amounts(events: pd.DataFrame, is_money: npt.NDArray[np.bool_]) -> Whole:
    """Read the amounts of the events that have one."""
    fen = np.zeros(len(events), dtype=np.int64)
    if is_money.any():
        require_columns("events", map(str, events.columns), ("fen",))
        given = events["fen"][is_money]
        exact = given.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.zeros(len(events), dtype=bool)
        wrong[is_money] = ~(exact >= 0) | (exact != np.floor(exact)) | (exact > 10**15)
        rule = "must be whole and not negative"
        _refuse_first("fen", rule, events["fen"], wrong)
        fen[is_money] = given.astype(np.int64).to_numpy()
    if "fen" in events:
        rest = events["fen"].to_numpy(dtype=np.float64, na_value=np.nan)
        _refuse_first("fen", "must be 0 for a kind that brings no money", events["fen"],
                      ~is_money & (np.nan_to_num(rest) != 0))  # fmt: skip
    return fen


def _places(
    events: pd.DataFrame,
    loan: npt.NDArray[np.intp],
    is_order: npt.NDArray[np.bool_],
    slices: tuple[Whole, Whole],
) -> Whole:
    """Find the slice that each confirmed order repays."""
    place = np.zeros(len(events), dtype=np.int64)
    if not is_order.any():
        return place
    require_columns("events", map(str, events.columns), ("slice",))
    begins = slices[1]
    number = events["slice"].to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = is_order & ~(
        (number >= 0) & (number == np.floor(number)) & (number < (begins[loan + 1] - begins[loan]))
    )
    _refuse_first("slice", "must be a slice of its loan", events["slice"], wrong)
    place[is_order] = begins[loan[is_order]] + number[is_order].astype(np.int64)
    return place


def _refuse_first(
    argument: str, rule: str, column: pd.Series, wrong: npt.NDArray[np.bool_], do: str = ""
) -> None:
    """Refuse a column for its first wrong row."""
    if wrong.any():
        row = int(wrong.argmax())
        refuse(argument, rule, f"{column.iloc[row]} in row {row}", do)
