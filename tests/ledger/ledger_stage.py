"""Books of dues and payments for tests, and a replay of one loan with nothing but a loop."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alicredit.ledger import Postings

START = pd.Timestamp("2012-01-01")
US = "datetime64[us]"


def day(number: int) -> pd.Timestamp:
    """Give the date so many days after the start of the stage."""
    return START + pd.Timedelta(days=number)


def days(numbers) -> pd.Series:
    """Give dates, in microseconds."""
    return pd.Series(pd.to_datetime([day(n) for n in numbers])).astype(US)


def book(
    dues: list[tuple[int, int, int]],
    paid: list[tuple[int, int, int, int]],
    *,
    principal: int = 100_000,
    signs: list[tuple[int, int, str]] = (),
    rate: float = 0.0005,
    term: int = 30,
    unit: str = "day",
) -> Postings:
    """Make a book: dues (loan, day, fen), payments (loan, day, fen, of it principal), signs."""
    names = sorted({row[0] for row in [*dues, *paid, *signs]} | {0})
    loans = pd.DataFrame(
        {
            "loan_id": [f"l{name}" for name in names],
            "merchant_id": [f"m{name}" for name in names],
            "product_id": "taobao_order",
            "principal_fen": principal,
            "rate": rate,
            "rate_unit": unit,
            "disbursed_at": days([0] * len(names)),
            "due_at": days([term] * len(names)),
        }
    )
    due_rows = pd.DataFrame(
        {
            "loan_id": [f"l{row[0]}" for row in dues],
            "day": days([row[1] for row in dues]),
            "fen": np.array([row[2] for row in dues], dtype=np.int64),
            "interest_fen": np.zeros(len(dues), dtype=np.int64),
        }
    )
    paid_rows = pd.DataFrame(
        {
            "loan_id": [f"l{row[0]}" for row in paid],
            "day": days([row[1] for row in paid]),
            "fen": np.array([row[2] for row in paid], dtype=np.int64),
            "principal_fen": np.array([row[3] for row in paid], dtype=np.int64),
            "penalty_fen": np.zeros(len(paid), dtype=np.int64),
        }
    )
    events = pd.DataFrame(
        {
            "merchant_id": [f"m{row[0]}" for row in signs],
            "loan_id": pd.Series([None] * len(signs), dtype=object),
            "day": days([row[1] for row in signs]),
            "kind": [row[2] for row in signs],
            "known_at": days([row[1] for row in signs]),
        }
    )
    return Postings(loans, due_rows, paid_rows, events)


def replay_by_hand(dues, paid, signs, last: int, principal: int = 100_000) -> list[tuple]:
    """Live one loan day after day: (balance, due, overdue, days past due, state)."""
    material = min(10_000, principal // 10)
    rows = []
    watched_until, dealt_until, is_unlikely, was_beyond = -1, -1, False, []
    for today in range(last + 1):
        money = sum(fen for _, d, fen, _ in paid if d <= today)
        balance = max(principal - sum(part for _, d, _, part in paid if d <= today), 0)
        fallen = sorted((d, fen) for _, d, fen in dues if d <= today)
        due = max(sum(fen for _, fen in fallen) - money, 0)
        overdue = max(sum(fen for d, fen in fallen if d < today) - money, 0)
        late, owed = 0, 0
        for d in sorted({d for d, _ in fallen if d < today}):
            owed += sum(fen for at, fen in fallen if at == d)
            if owed - money > material and not late:
                late = today - d
        # A due that is settled on the day it would have passed the threshold has passed it.
        for d in sorted({d for _, d, _ in dues}):
            if d in was_beyond or today < d + 91:
                continue
            need = sum(fen for _, at, fen in dues if at <= d) - material
            before = sum(fen for _, at, fen, _ in paid if at < today)
            back = sum(part for _, at, _, part in paid if at < today)
            if before < need and back < principal:
                was_beyond.append(d)
        for d in was_beyond:
            need = sum(fen for _, at, fen in dues if at <= d) - material
            if money < need:
                watched_until = max(watched_until, today + 90)
            elif sum(fen for _, at, fen, _ in paid if at < today) < need:
                watched_until = max(watched_until, today + 89)
        kinds = [kind for _, d, kind in signs if d <= today]
        if any(d == today and kind == "restructured" for _, d, kind in signs):
            dealt_until = today + 364
        is_unlikely = is_unlikely or any(k in ("sealed", "fraud_found", "bankrupt") for k in kinds)
        if balance == 0:
            rows.append((0, 0, 0, 0, "closed"))
            break
        if "written_off" in kinds:
            rows.append((balance, due, overdue, late, "written_off"))
            break
        if late > 90 or is_unlikely or (today <= watched_until and late):
            state = "default"
        elif today <= dealt_until:
            state = "restructured"
        elif today <= watched_until:
            state = "cured"
        else:
            state = "arrears" if late else "current"
        rows.append((balance, due, overdue, late, state))
    return rows
