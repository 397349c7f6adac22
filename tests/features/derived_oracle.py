"""Facts made of other facts, made once more in plain loops.

Each maker is given only what was known before the moment, of all merchants, and replays it: so
what it makes cannot depend on anything later.
"""

from __future__ import annotations

import math

import pandas as pd
from feature_stage import Tables, seen

DAY = pd.Timedelta(1, "D")


def derived_facts(name: str, tables: Tables, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Make the facts of a derived table that a question about a merchant may see."""
    everyone = pd.Series(as_of, index=tables["merchants"]["merchant_id"].unique())
    known = Known(tables, everyone)
    return {"loan_dues": loan_dues}[name](known, merchant, as_of)


class Known:
    """What was known of each table, worked out when first asked for."""

    def __init__(self, tables: Tables, moments: pd.Series) -> None:
        self._tables, self._moments = tables, moments
        self._seen: Tables = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._seen:
            self._seen[name] = seen(self._tables, name, self._moments)
        return self._seen[name]

    def of(self, name: str, merchant: str) -> list[dict[str, object]]:
        frame = self[name]
        return frame[frame["_merchant"] == merchant].to_dict("records")


def half_up(amount: float) -> int:
    return math.floor(abs(amount) + 0.5) * (1 if amount >= 0 else -1)


def units(loan: dict, until: pd.Timestamp) -> float:
    """Count the days, or months and thirtieths, from the loan until a time."""
    start, end = loan["disbursed_at"].normalize(), until.normalize()
    if str(loan["rate_unit"]) != "month":
        return (end - start).days
    months = 0
    while start + pd.DateOffset(months=months + 1) <= end:
        months += 1
    while start + pd.DateOffset(months=months) > end:
        months -= 1
    return months + min((end - (start + pd.DateOffset(months=months))).days, 30) / 30


def toward(payment: dict, loan: dict) -> tuple[int, int]:
    """Give what a payment brings towards dues and towards the principal, in fen."""
    penalty = 0.0 if pd.isna(payment["penalty"]) else payment["penalty"]
    fen = half_up(payment["amount"] * 100) - half_up(penalty * 100)
    if pd.notna(payment["principal"]):
        return fen, half_up(payment["principal"] * 100)
    if pd.notna(payment["interest"]):
        return fen, half_up((payment["amount"] - payment["interest"] - penalty) * 100)
    until = min(payment["at"], loan["due_at"])
    grown = 1 + loan["rate"] * units(loan, until)
    return fen, half_up((payment["amount"] - penalty) / grown * 100)


def loan_dues(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Replay each loan, moment by moment, as its dues and payments became known."""
    rows = []
    for loan in known.of("loans", merchant):
        dues = [d for d in known.of("instalments", merchant) if d["loan_id"] == loan["loan_id"]]
        paid = [p for p in known.of("repayments", merchant) if p["loan_id"] == loan["loan_id"]]
        rows += replay(loan, dues, paid)
    columns = ["due_at", "due_day", "late_from", "amount", "principal", "settled_at", "days_late"]
    columns += ["_happened", "replaced_at", "loan_id"]
    frame = pd.DataFrame(rows, columns=columns)
    for name in ("due_at", "due_day", "late_from", "settled_at", "replaced_at", "_happened"):
        frame[name] = pd.to_datetime(frame[name])
    return frame


def replay(loan: dict, dues: list[dict], paid: list[dict]) -> list[dict]:
    """Settle a loan's dues in the order in which facts became known."""
    principal = half_up(loan["principal"] * 100)
    rest = min(10_000, math.floor(principal * 0.1))
    amounts = [toward(payment, loan) for payment in paid]
    owed = principal + half_up(principal * loan["rate"] * units(loan, loan["due_at"]))
    whole = {"due_at": loan["due_at"], "fen": owed, "principal": principal}
    listed = [
        {"due_at": d["due_at"], "principal": d["principal"], "known": d["_known"],
         "fen": d["principal"] + d["interest"] + (0 if pd.isna(d["fee"]) else d["fee"])}
        for d in dues
    ]  # fmt: skip
    in_force: list[dict] = []
    for moment in sorted({loan["_known"], *(d["known"] for d in listed),
                          *(max(p["_known"], p["_happened"]) for p in paid)}):  # fmt: skip
        if moment < loan["_known"]:
            continue
        in_force = [d for d in listed if d["known"] <= moment] or [whole]
        here = [k for k, p in enumerate(paid) if max(p["_known"], p["_happened"]) <= moment]
        for due in in_force:
            if "settled_at" in due:
                continue
            day = due["due_at"].normalize()
            need = sum(d["fen"] for d in in_force if d["due_at"].normalize() <= day) - rest
            if need <= 0 and sum(amounts[k][0] for k in here) >= need:
                due["settled_at"] = due.get("known", loan["_known"])
                continue
            moments = sorted({paid[k]["at"] for k in here})
            reached = [
                at for at in moments
                if sum(amounts[k][0] for k in here if paid[k]["at"] <= at) >= need
                or sum(amounts[k][1] for k in here if paid[k]["at"] <= at) >= principal
            ]  # fmt: skip
            total = [sum(amounts[k][part] for k in here) for part in (0, 1)]
            if total[0] >= need or total[1] >= principal:
                due["settled_at"] = reached[0] if reached else due.get("known", loan["_known"])
    return [
        {
            "loan_id": loan["loan_id"],
            "due_at": due["due_at"],
            "due_day": due["due_at"].normalize(),
            "late_from": due["due_at"].normalize() + DAY,
            "amount": due["fen"] / 100,
            "principal": due["principal"] / 100,
            "settled_at": due.get("settled_at"),
            "days_late": max((due["settled_at"].normalize() - due["due_at"].normalize()).days, 0)
            if "settled_at" in due else None,
            "replaced_at": None,
            "_happened": loan["_happened"],
        }
        for due in in_force
    ]  # fmt: skip
