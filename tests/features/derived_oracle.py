"""Facts made of other facts, made once more in plain loops.

Each maker is given only what was known before the moment, of all merchants, and replays it: so
what it makes cannot depend on anything later.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from feature_stage import Tables, seen

DAY = pd.Timedelta(1, "D")
EVERYONE = "*"
LEAST = 30
"""Merchants that make a group of their own; a test may lower it, with the library's."""


def derived_facts(name: str, tables: Tables, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Make the facts of a derived table that a question about a merchant may see."""
    known = known_before(tables, as_of)
    return {
        "loan_dues": loan_dues,
        "sales_by_day": sales_by_day,
        "peer_sales": peer_sales,
        "peer_ratings": peer_ratings,
        "peer_power": peer_power,
        "loan_effects": loan_effects,
        "loan_spending": loan_spending,
        "customs_prices": customs_prices,
        "customs_cny": customs_cny,
    }[name](known, merchant, as_of)


class Known:
    """What was known of each table before a moment, worked out when first asked for."""

    def __init__(self, tables: Tables, as_of: pd.Timestamp) -> None:
        self.tables, self.as_of = tables, as_of
        self._rows: dict[str, dict[str, list[dict]]] = {}
        self._peers: Peers | None = None

    def by_merchant(self, name: str) -> dict[str, list[dict]]:
        if name not in self._rows:
            everyone = pd.Series(self.as_of, index=self.tables["merchants"]["merchant_id"].unique())
            rows = self._rows[name] = {}
            for row in seen(self.tables, name, everyone).to_dict("records"):
                rows.setdefault(row["_merchant"], []).append(row)
        return self._rows[name]

    def of(self, name: str, merchant: str) -> list[dict]:
        return self.by_merchant(name).get(merchant, [])

    @property
    def peers(self) -> Peers:
        self._peers = self._peers or Peers(self, self.as_of)
        return self._peers


_LATEST: list[Known] = []


def known_before(tables: Tables, as_of: pd.Timestamp) -> Known:
    """Keep what was worked out for the question before, if it is the same moment's."""
    if not (_LATEST and _LATEST[0].tables is tables and _LATEST[0].as_of == as_of):
        _LATEST[:] = [Known(tables, as_of)]
    return _LATEST[0]


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
            if need <= 0:  # too little to be late with
                due["settled_at"] = min(due.get("known", loan["_known"]), due["due_at"])
                continue
            moments = sorted({paid[k]["at"] for k in here})
            reached = [
                at for at in moments
                if sum(amounts[k][0] for k in here if paid[k]["at"] <= at) >= need
                or sum(amounts[k][1] for k in here if paid[k]["at"] <= at) >= principal
            ]  # fmt: skip
            total = [sum(amounts[k][part] for k in here) for part in (0, 1)]
            if total[0] >= need or total[1] >= principal:
                due["settled_at"] = reached[0]
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


def end_of(day: pd.Timestamp) -> pd.Timestamp:
    return day.normalize() + DAY - pd.Timedelta(1, "us")


def sales_by_day(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Put each paid order at the end of its day."""
    rows = [
        {"_happened": end_of(order["paid_at"]), **{k: order[k] for k in ("amount", "order_id")}}
        for order in known.of("orders", merchant)
        if pd.notna(order["paid_at"]) and end_of(order["paid_at"]) < as_of
    ]
    return frame_of(rows, ["_happened", "amount", "order_id"])


def frame_of(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    frame["_happened"] = pd.to_datetime(frame["_happened"])
    return frame


def category_of(known: Known, merchant: str, moment: pd.Timestamp) -> str | None:
    """Tell the category that a merchant was known to have at a moment."""
    told = [
        (row["event_time"], str(row["value"]) if pd.notna(row["value"]) else "")
        for row in known.of("merchant_history", merchant)
        if row["field"] == "category" and max(row["_happened"], row["_known"]) <= moment
    ]
    if told:
        return max(told)[1] or None
    for row in known.of("merchants", merchant):
        if max(row["_happened"], row["_known"]) <= moment and pd.notna(row["category"]):
            return str(row["category"])
    return None


class Peers:
    """What each group sold and how it was rated, by day and day of becoming known."""

    def __init__(self, known: Known, as_of: pd.Timestamp) -> None:
        self.known, self.as_of = known, as_of
        self.sales = self._told("orders", "paid_at")
        self._sold_on: dict[tuple, set[str]] = {}
        for group, _, seen_day, row in self.sales:
            self._sold_on.setdefault((group, seen_day), set()).add(row["_merchant"])
        self.ratings = self._told("ratings", "rated_at")
        self.bills = self._told("utilities", "_happened")

    def _told(self, name: str, time: str) -> list[tuple[str, pd.Timestamp, pd.Timestamp, dict]]:
        rows = []
        for row in (row for rows in self.known.by_merchant(name).values() for row in rows):
            if pd.isna(row[time]):
                continue
            seen_at = max(row[time], row["_happened"], row["_known"])
            if end_of(seen_at) < self.as_of:
                group = category_of(self.known, row["_merchant"], seen_at)
                day = (row[time].normalize(), seen_at.normalize())
                rows += [(g, *day, row) for g in {EVERYONE, group} if g is not None]
        return rows

    def selling(self, group: str, day: pd.Timestamp) -> int:
        """Count the merchants of a group with a sale known in the 90 days up to a day's end."""
        days = [self._sold_on.get((group, day - back * DAY), set()) for back in range(90)]
        return len(set().union(*days))

    def group(self, merchant: str) -> str:
        """Choose the group of a question."""
        before = self.as_of - pd.Timedelta(1, "us")
        category = category_of(self.known, merchant, before)
        days = [day for g, day, seen_day, _ in self.sales if g == category and day == seen_day]
        if category is None or not days or self.selling(category, max(days)) < LEAST:
            return EVERYONE
        return category


def peer_sales(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Sum what the merchant's group sold."""
    peers = known.peers
    group = peers.group(merchant)
    sums: dict[tuple, int] = {}
    for g, day, seen_day, row in peers.sales:
        if g == group:
            sums[day, seen_day] = sums.get((day, seen_day), 0) + half_up(row["amount"] * 100)
    rows = [
        {"_happened": end_of(day), "day": day, "seen_day": seen, "amount": fen / 100,
         "merchant_id": group, "merchants": peers.selling(group, day) if day == seen else None}
        for (day, seen), fen in sums.items()
    ]  # fmt: skip
    return frame_of(rows, ["_happened", "day", "seen_day", "merchant_id", "amount", "merchants"])


def peer_ratings(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """List the ratings of the merchant's group."""
    peers = known.peers
    group = peers.group(merchant)
    rows = []
    for g, day, seen_day, row in peers.ratings:
        if g == group:
            parts = [row[name] for name in ("dsr_desc", "dsr_service", "dsr_ship")]
            scored = not any(pd.isna(part) for part in parts)
            rows.append(
                {"_happened": end_of(day), "day": day, "seen_day": seen_day, "merchant_id": group,
                 "dsr_sum": sum(parts) if scored else 0.0, "dsr_count": 3 * int(scored),
                 "ratings": 1, "positive": int(row["polarity"] == 1)}
            )  # fmt: skip
    columns = ["day", "seen_day", "merchant_id", "dsr_sum", "dsr_count", "ratings", "positive"]
    return frame_of(rows, ["_happened", *columns])


def peer_power(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """List the power bills of the merchant's group."""
    group = known.peers.group(merchant)
    rows = [
        {"_happened": row["_happened"], "month": row["period"], "seen_day": seen_day,
         "merchant_id": group, "billed": half_up(row["billed"] * 100) / 100, "bills": 1}
        for g, _, seen_day, row in known.peers.bills
        if g == group and row["kind"] == "power"
    ]  # fmt: skip
    return frame_of(rows, ["_happened", "month", "seen_day", "merchant_id", "billed", "bills"])


def last_time(row: dict) -> pd.Timestamp:
    return max(row["_happened"], row["_known"])


def loan_effects(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Compare 14 days after each loan with 28 before, once the 14 are over."""
    rows = []
    for loan in known.of("loans", merchant):
        day = loan["disbursed_at"].normalize()
        seen_at = day + 15 * DAY
        if not seen_at < as_of:
            continue
        change: dict[str, list[list[float]]] = {n: [[], []] for n in ("uv", "ad_spend", "amount")}
        for fact in known.of("traffic_daily", merchant):
            away = (fact["day"].normalize() - day).days
            if last_time(fact) < seen_at and away != 0 and -28 <= away <= 14:
                for name in ("uv", "ad_spend"):
                    if pd.notna(fact[name]):
                        change[name][away > 0].append(float(fact[name]))
        for order in known.of("orders", merchant):
            if pd.isna(order["paid_at"]) or not max(order["paid_at"], last_time(order)) < seen_at:
                continue
            away = (order["paid_at"].normalize() - day).days
            if away != 0 and -28 <= away <= 14:
                change["amount"][away > 0].append(order["amount"])
        before, after = change["amount"]
        rows.append({
            "_happened": seen_at, "loan_id": loan["loan_id"],
            "uv_change": by_known_days(*change["uv"]),
            "ad_change": by_known_days(*change["ad_spend"]),
            "sales_change": math.log((sum(after) / 14 + 1) / (sum(before) / 28 + 1))
            if len(before) >= 5 else None,
        })  # fmt: skip
    return frame_of(rows, ["_happened", "loan_id", "uv_change", "ad_change", "sales_change"])


def by_known_days(before: list[float], after: list[float]) -> float | None:
    if len(before) < 2 or not after:
        return None
    return math.log((np.mean(after) + 1) / (np.mean(before) + 1))


def loan_spending(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """See where a loan's money went: within a day, and within 14 days."""
    rows = []
    for loan in known.of("loans", merchant):
        taken, principal = loan["disbursed_at"], half_up(loan["principal"] * 100)
        soon, late = taken + DAY, taken + 14 * DAY
        if not soon < as_of or principal <= 0:
            continue
        moved = supplied = 0
        told = {soon: 0, late: 0}
        for posting in known.of("bank_txns", merchant):
            known_at, kind = last_time(posting), posting["kind"]
            fen = max(half_up(-posting["amount"] * 100), 0)
            if not taken - 90 * DAY <= posting["at"] < late or not known_at < late:
                continue
            told[late] += 1
            told[soon] += known_at < soon
            if posting["at"] >= taken and not pd.isna(kind) and kind == "supplier":
                supplied += fen
            is_soon = taken <= posting["at"] < soon and known_at < soon
            if is_soon and (pd.isna(kind) or kind == "other"):
                moved += fen
        rows.append({
            "_happened": soon, "loan_id": loan["loan_id"],
            "transfer_share": min(moved / principal, 1) if told[soon] else None,
            "supplier_share": min(supplied / principal, 1) if told[late] and late < as_of else None,
        })  # fmt: skip
    return frame_of(rows, ["_happened", "loan_id", "transfer_share", "supplier_share"])


def customs_prices(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Hold each declared price against those that others had declared before its day."""
    rows = []
    for goods in known.of("customs", merchant):
        price = log_price(goods)
        today = last_time(goods).normalize()
        if price is None:
            continue
        others = [
            other_price
            for name, every in known.by_merchant("customs").items()
            for other in every
            if name != merchant and other["direction"] == goods["direction"]
            and str(other["hs_code"])[:4] == str(goods["hs_code"])[:4]
            and 1 <= (today - last_time(other).normalize()).days <= 365
            and (other_price := log_price(other)) is not None
        ]  # fmt: skip
        if len(others) >= 10 and np.std(others, ddof=1) > 0:
            distance = abs(price - np.mean(others)) / np.std(others, ddof=1)
            rows.append(
                {"_happened": goods["declared_at"], "price_distance": min(distance, 100.0),
                 "declaration_no": goods["declaration_no"]}
            )  # fmt: skip
    return frame_of(rows, ["_happened", "price_distance", "declaration_no"])


def log_price(goods: dict) -> float | None:
    value = goods["fob_usd"] if pd.notna(goods["fob_usd"]) else goods["cif_usd"]
    if any(pd.isna(each) for each in (value, goods["qty"], goods["hs_code"])):
        return None
    if value < 1e-6 or goods["qty"] < 1e-6:
        return None
    return round(math.log(value / goods["qty"]) * 1e6) / 1e6


def customs_cny(known: Known, merchant: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Turn each declaration into yuan at the latest day's rate that was known before it."""
    rates = [
        (rate["day"], last_time(rate), rate["usd_cny"])
        for rates in known.by_merchant("fx_rates").values() for rate in rates
    ]  # fmt: skip
    rows = []
    for goods in known.of("customs", merchant):
        usd = goods["fob_usd"] if pd.notna(goods["fob_usd"]) else goods["cif_usd"]
        if pd.isna(usd):
            continue
        before = [rate for rate in rates if rate[1] < goods["declared_at"]]
        used = max(before) if before else min(rates, key=lambda rate: rate[1])
        rows.append(
            {"_happened": goods["declared_at"], "direction": goods["direction"],
             "amount": half_up(usd * used[2] * 100) / 100,
             "declaration_no": goods["declaration_no"]}
        )  # fmt: skip
    return frame_of(rows, ["_happened", "direction", "amount", "declaration_no"])
