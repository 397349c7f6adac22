"""The accounts of a book of loans under one set of terms, kept step by step for all at once.

A step is a due or an event. Step k of every loan is taken together; what one step does to one loan
is what :class:`alicredit.loans.account.Account` does to it, in whole numbers, to the fen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alicredit.checks import refuse
from alicredit.loans.account import PARTS
from alicredit.loans.book.days import thirtieths_charged
from alicredit.loans.book.exact import Integers, Whole, largest
from alicredit.loans.book.steps import CODES, Steps
from alicredit.loans.contract import MONEY_KINDS, Terms
from alicredit.loans.rates import exact_share
from alicredit.loans.schedule import level_share

Rows = npt.NDArray[np.intp]
_ROOM = 2**62
_MONEY = [CODES[word] for word in MONEY_KINDS]
_POSTING = ("interest", "fee", "penalty", "principal")


class Book:
    """Accounts driven by rounds of steps; every array has one place a loan."""

    def __init__(self, terms: Terms, steps: Steps) -> None:
        """Disburse all, and charge the fees, which are paid at once."""
        self.terms, self.steps = terms, steps
        self.kind = self._kind()
        size = len(steps.start)
        zero: Integers = np.zeros(size, dtype=self.kind)
        self.undue: Integers = steps.principal.astype(self.kind)
        self.owed = {part: zero.copy() for part in PARTS}
        self.carried = {part: zero.copy() for part in PARTS}
        self.lost = {part: zero.copy() for part in PARTS}
        self.accruing, self.returned = zero.copy(), zero.copy()
        self.paid_interest, self.posted = zero.copy(), zero.copy()
        self.penalty_from, self.slices = steps.start.copy(), steps.slices.copy()
        self.left = np.full(size, steps.count)
        self.epoch = np.zeros(size, dtype=np.int64)
        self.has_due, self.is_misused = (np.zeros(size, dtype=bool) for _ in range(2))
        self.lines: list[tuple[Any, ...]] = []
        everyone = np.arange(size)
        self._post(everyone, steps.start, "disbursement", principal=self.undue)
        fee_kind = "fee_withheld" if terms.fee.is_withheld else "fee"
        self._post(everyone, steps.start, fee_kind, fee=steps.fee)
        self._post(everyone, steps.start, "payment", fee=-steps.fee)
        self.size = zero.copy()
        self._set_size(everyone)

    def _kind(self) -> type:
        """Choose 64 bits where every product fits, Python's integers otherwise."""
        steps, terms = self.steps, self.terms
        rate, early = terms.rate.value, exact_share("fee", terms.early.prepay_fee_rate)
        self.unit = 30 if terms.rate.unit == "month" else 1
        self.share_base = rate.denominator * self.unit
        self.fee_share = early
        penal = terms.penalty
        daily = [penal.daily(terms.rate.daily)]
        if penal.misuse_multiplier is not None:
            daily.append(penal.daily(terms.rate.daily, is_misused=True))
        self.penal_base = int(np.lcm.reduce([each.denominator for each in daily], dtype=object))
        scaled = [int(each * self.penal_base) for each in daily]
        self.penal = np.array([scaled[0], scaled[-1]], dtype=object)
        span = steps.span_days + 62 + 31 * terms.early.min_interest_months
        charge = rate.numerator * span
        most = (largest(steps.principal) + largest(steps.fen)) * (3 + charge // self.share_base)
        factors = max(charge, max(scaled) * span, 1) + self.share_base
        bound = 8 * most * factors * max(early.denominator, early.numerator) * 2
        return np.int64 if bound < _ROOM and self.penal_base < _ROOM else object

    def take(self, rows: Rows) -> None:
        """Take one step of each of some loans; a loan stands among them once."""
        steps = self.steps
        word = steps.kind[rows]
        self._fall_due(rows[word == CODES["due"]])
        self._receive(rows[np.isin(word, _MONEY)])
        misused = rows[word == CODES["misuse_found"]]
        if len(misused) and self.terms.penalty.misuse_multiplier is None:
            refuse("misuse_multiplier", "must be agreed before misuse can be charged", None)
        self.is_misused[steps.loan[misused]] = True
        self._restructure(rows[word == CODES["restructured"]])
        self._write_off(rows[word == CODES["written_off"]])

    def accrue_penalty(self, loan: Rows, day: Whole) -> None:
        """Accrue penalty on what was overdue at the end of each day before."""
        base = self.owed["principal"][loan]
        if self.terms.penalty.base == "principal_plus_interest":
            base = base + self.owed["interest"][loan]
        daily = self.penal.astype(self.kind)[self.is_misused[loan].astype(int)]
        self.accruing[loan] += base * daily * (day - self.penalty_from[loan])
        self.penalty_from[loan] = day

    def _post(self, loan: Rows, day: Whole, word: str, **parts: Integers) -> None:
        """Write a line for each loan, unless it is of nothing."""
        columns = [np.broadcast_to(parts.get(part, 0), loan.shape) for part in _POSTING]
        some = np.logical_or.reduce([np.asarray(each != 0, dtype=bool) for each in columns])
        if some.any() or not self.lines:
            self.lines.append((loan[some], day[some], word, *(each[some] for each in columns)))

    def _set_size(self, loan: Rows) -> None:
        """Set what each instalment is: its payment for an annuity, else its principal."""
        left, fen = np.maximum(self.left[loan], 1), self.undue[loan]
        if self.terms.method != "annuity":
            self.size[loan] = (2 * fen + left) // (2 * left)
            return
        for count in np.unique(left):
            mine = left == count
            share = level_share(self.terms.rate.value, int(count))
            exact = fen[mine].astype(object) * share.numerator * 2 + share.denominator
            self.size[loan[mine]] = (exact // (2 * share.denominator)).astype(self.kind)

    def _units(self, loan: Rows, day: Whole, *, is_closing: bool) -> Integers:
        """Count days, or thirtieths of a month, from disbursement."""
        start = self.steps.start[loan]
        if self.terms.rate.unit == "day":
            return (day - start).astype(self.kind)
        early = self.terms.early
        rules = {"min_months": early.min_interest_months, "stub": early.stub} if is_closing else {}
        dates = (each.astype("datetime64[D]") for each in (start, day))
        return thirtieths_charged(*dates, **rules).astype(self.kind)  # type: ignore[arg-type]

    def _charge(self, loan: Rows, day: Whole, *, is_closing: bool) -> Integers:
        """Give interest that is not posted yet, in parts of ``share_base`` of the principal."""
        units = self._units(loan, day, is_closing=is_closing)
        return self.terms.rate.value.numerator * np.maximum(units - self.posted[loan], 0)

    def _rounded(self, fen: Integers, share: Integers | int, base: int) -> Integers:
        """Multiply and round half-up once."""
        return (2 * fen * share + base) // (2 * base)

    def _post_interest(self, loan: Rows, day: Whole) -> Integers:
        """Post what principal that is not due has borne."""
        share = self._charge(loan, day, is_closing=False)
        interest = self._rounded(self.undue[loan], share, self.share_base)
        units = self._units(loan, day, is_closing=False)
        self.posted[loan] = np.maximum(self.posted[loan], units)
        self._post(loan, day, "interest", interest=interest)
        return interest

    def _post_penalty(self, loan: Rows, day: Whole) -> None:
        """Post the penalty that accrued."""
        fen = (2 * self.accruing[loan] + self.penal_base) // (2 * self.penal_base)
        self.owed["penalty"][loan] += fen
        self.accruing[loan] = 0
        self._post(loan, day, "penalty", penalty=fen)

    def _fall_due(self, rows: Rows) -> None:
        """Post interest and move principal to what is owed."""
        steps = self.steps
        rows = rows[steps.epoch[rows] == self.epoch[steps.loan[rows]]]
        self.left[steps.loan[rows]] = steps.left[rows]
        loan = steps.loan[rows]
        waiting = self.undue[loan] + sum(self.carried[part][loan] for part in PARTS)
        rows = rows[np.asarray(waiting != 0, dtype=bool)]
        loan, day = steps.loan[rows], steps.day[rows]
        interest = self._post_interest(loan, day)
        size = self.size[loan]
        wanted = {"bullet": 0 * size, "annuity": size - interest}.get(self.terms.method, size)
        part = np.minimum(np.maximum(wanted, 0), self.undue[loan])
        part = np.where(self.left[loan] == 0, self.undue[loan], part)
        self.undue[loan] -= part
        self.owed["principal"][loan] += part
        self.owed["interest"][loan] += interest
        self._collect(loan)
        self.has_due[loan] = True

    def _collect(self, loan: Rows) -> None:
        """Let what a restructure carried fall due."""
        for part in PARTS:
            self.owed[part][loan] += self.carried[part][loan]
            self.carried[part][loan] = 0

    def _receive(self, rows: Rows) -> None:
        """Take money: for what is overdue first, then for principal early as the kind has it."""
        steps = self.steps
        loan, day, word = steps.loan[rows], steps.day[rows], steps.kind[rows]
        left: Integers = steps.fen[rows].astype(self.kind)
        self._post_penalty(loan, day)
        limit = self._limit(rows)
        is_pull = word == CODES["pull"]
        spare = np.where(is_pull, 0, left)
        spare = self._settle(loan, day, spare, self.owed, "payment")
        spare = self._settle(loan, day, spare, self.lost, "recovery")
        is_free = self._refund(loan, day, spare, word == CODES["payment"])
        taken = self._pay_early(loan, day, spare, limit, is_free=is_free, is_pull=is_pull)
        spare = np.where(is_pull, 0, spare - taken)
        ends = np.flatnonzero((word == CODES["payment"]) & (self.undue[loan] == 0))
        spare[ends] = self._settle(loan[ends], day[ends], spare[ends], self.carried, "payment")
        self.returned[loan] += spare

    def _limit(self, rows: Rows) -> Integers:
        """Give the most principal that a step may repay early; a slice is taken off its list."""
        steps = self.steps
        loan, word = steps.loan[rows], steps.kind[rows]
        limit = np.where(word == CODES["auto_debit"], 0, self.undue[loan])
        pulled = np.minimum(steps.fen[rows], limit)
        limit = np.where(word == CODES["pull"], pulled, limit)
        orders = np.flatnonzero(word == CODES["order_success"])
        place = steps.slice[rows[orders]]
        limit[orders] = np.minimum(self.slices[place], limit[orders])
        self.slices[place] = 0
        return limit

    def _settle(
        self, loan: Rows, day: Whole, amount: Integers, claim: dict[str, Integers], word: str
    ) -> Integers:
        """Pay a claim part after part; give what is left of the amounts."""
        paid = {}
        for part in PARTS:
            taken = np.minimum(amount, claim[part][loan])
            claim[part][loan] -= taken
            amount = amount - taken
            paid[part] = -taken
        if word == "payment":
            self.paid_interest[loan] -= paid["interest"]
        self._post(loan, day, word, **paid)
        return amount

    def _refund(
        self, loan: Rows, day: Whole, amount: Integers, is_payment: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Forgive all interest of loans that are given back whole within a few days."""
        early, undue = self.terms.early, self.undue[loan]
        if early.refund_days is None:
            return np.zeros(len(loan), dtype=bool)
        is_entitled = self.steps.is_first_loan[loan] | (not early.refund_first_only)
        is_soon = day - self.steps.start[loan] <= early.refund_days
        is_whole = (undue > 0) & (undue <= amount) & ~self.has_due[loan]
        hit = np.asarray(is_payment & is_entitled & is_soon & is_whole, dtype=bool)
        loan, day, paid = loan[hit], day[hit], self.paid_interest[loan[hit]]
        share = self._charge(loan, day, is_closing=True)
        interest = self._rounded(undue[hit], share, self.share_base)
        self._post(loan, day, "interest", interest=interest)
        self._post(loan, day, "refund", interest=-interest - self.carried["interest"][loan] - paid)
        self.carried["interest"][loan] = 0
        self._post(loan, day, "payout", interest=paid)
        return hit

    def _pay_early(
        self, loan: Rows, day: Whole, amount: Integers, limit: Integers,
        *, is_free: npt.NDArray[np.bool_], is_pull: npt.NDArray[np.bool_],
    ) -> Integers:  # fmt: skip
        """Repay principal that is not due, with its interest and fee; give what that takes."""
        share = np.where(is_free, 0, self._charge(loan, day, is_closing=True))
        fee_share: Integers = np.where(is_free, 0, self.fee_share.numerator).astype(self.kind)

        def with_charges(part: Integers) -> Integers:
            interest = self._rounded(part, share, self.share_base)
            return part + interest + self._rounded(part, fee_share, self.fee_share.denominator)

        full = with_charges(limit)
        amount = np.where(is_pull, full, np.minimum(amount, full))
        base = self.share_base * self.fee_share.denominator
        whole = base + share * self.fee_share.denominator + fee_share * self.share_base
        part = np.where(amount >= full, limit, np.minimum(limit, (amount + 1) * base // whole + 1))
        part = np.where(amount <= 0, 0, part)
        while (over := np.asarray((part > 0) & (with_charges(part) > amount), dtype=bool)).any():
            part = np.where(over, part - 1, part)
        interest = self._rounded(part, share, self.share_base)
        fee = self._rounded(part, fee_share, self.fee_share.denominator)
        self._post(loan, day, "interest", interest=interest)
        self._post(loan, day, "fee", fee=fee)
        self._post(loan, day, "payment", principal=-part, interest=-interest, fee=-fee)
        self.undue[loan] -= part
        self.paid_interest[loan] += interest
        if self.terms.early.after == "recompute":
            self._set_size(loan[np.asarray(part > 0, dtype=bool)])
        return part + interest + fee

    def _restructure(self, rows: Rows) -> None:
        """Put off all that is owed and undue to a new end; interest goes on at the same rate."""
        loan, day = self.steps.loan[rows], self.steps.day[rows]
        self._post_penalty(loan, day)
        self.owed["interest"][loan] += self._post_interest(loan, day)
        self.undue[loan] += self.owed["principal"][loan]
        self.owed["principal"][loan] = 0
        for part in ("penalty", "fee", "interest"):
            self.carried[part][loan] += self.owed[part][loan]
            self.owed[part][loan] = 0
        self.epoch[loan] = self.steps.epoch[rows]
        self.left[loan] = 1
        self._set_size(loan)

    def _write_off(self, rows: Rows) -> None:
        """Take all that is claimed off the accounts and remember it for recoveries."""
        loan, day = self.steps.loan[rows], self.steps.day[rows]
        self._post_penalty(loan, day)
        gone = {part: self.owed[part][loan] + self.carried[part][loan] for part in PARTS}
        gone["principal"] = gone["principal"] + self.undue[loan]
        for part in PARTS:
            self.lost[part][loan] += gone[part]
            self.owed[part][loan] = 0
            self.carried[part][loan] = 0
        self.undue[loan], self.left[loan], self.epoch[loan] = 0, 0, -1
        self._post(loan, day, "written_off", **{part: -gone[part] for part in PARTS})

    def postings(self, loan_id: pd.Series) -> pd.DataFrame:
        """Give the lines by loan and time."""
        loan, day = (np.concatenate([line[k] for line in self.lines]) for k in (0, 1))
        words = np.array([line[2] for line in self.lines], dtype=object)
        order = np.argsort(loan, kind="stable")
        table = {
            "loan_id": loan_id.to_numpy()[loan[order]],
            "day": day[order].astype("datetime64[D]").astype("datetime64[us]"),
            "kind": np.repeat(words, [len(line[0]) for line in self.lines])[order],
        }
        for number, part in enumerate(_POSTING, start=3):
            fen = np.concatenate([line[number] for line in self.lines])
            table[part] = fen[order].astype(np.int64)
        columns = ["loan_id", "day", "kind", "principal", "interest", "fee", "penalty"]
        return pd.DataFrame(table)[columns]

    def state(self, loan_id: pd.Series) -> pd.DataFrame:
        """Give what is owed at the end, one row a loan."""
        parts = ("principal", "interest", "fee", "penalty")
        owed = {f"owed_{part}": self.owed[part] for part in parts}
        put_off = {f"put_off_{part}": self.carried[part] for part in parts[1:]}
        amounts = {"undue": self.undue, **owed, **put_off, "returned": self.returned}
        frame = pd.DataFrame({name: fen.astype(np.int64) for name, fen in amounts.items()})
        frame.insert(0, "loan_id", loan_id.to_numpy())
        return frame
