"""Replaying a book: wall time a loan and day, and memory.

usage: python benchmarks/replay.py [--loans 1.7e6]

The book is a made-up half year of order loans (98 % held for about five days, 2 % for about three
months, one in a thousand never repaid), replayed for each day of the half year in batches.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from alicredit.ledger import Postings, replay_batches

DAYS = pd.date_range("2012-01-01", "2012-06-30")
US = "datetime64[us]"


def make_book(size: int) -> Postings:
    """Make loans, dues and payments."""
    rng = np.random.default_rng(0)
    start = DAYS[0].to_numpy().astype("datetime64[D]") + rng.integers(0, len(DAYS), size)
    held = np.where(rng.random(size) < 0.98, rng.integers(1, 10, size), rng.integers(60, 120, size))
    fen = np.maximum(rng.lognormal(8.222, 1.2, size) * 100, 100).astype(np.int64)
    ids = pd.Series(np.char.add("l", np.char.zfill(np.arange(size).astype(str), 8)))
    end = (start + 30).astype(US)
    interest = fen * 15 // 1000
    loans = pd.DataFrame(
        {"loan_id": ids, "merchant_id": ids, "product_id": "taobao_order", "principal_fen": fen,
         "rate": 0.0005, "rate_unit": "day", "disbursed_at": start.astype(US), "due_at": end}
    )  # fmt: skip
    dues = pd.DataFrame(
        {"loan_id": ids, "day": end, "fen": fen + interest, "interest_fen": interest}
    )
    paid = pd.DataFrame(
        {"loan_id": ids, "day": (start + held).astype(US), "fen": fen + fen * held // 2000,
         "principal_fen": fen, "penalty_fen": 0}
    )  # fmt: skip
    none = pd.DataFrame(
        {"merchant_id": ids[:0], "loan_id": ids[:0], "day": end[:0], "kind": ids[:0],
         "known_at": end[:0]}
    )  # fmt: skip
    return Postings(loans, dues, paid[rng.random(size) > 0.001], none)


def main() -> None:
    """Replay, and print what it cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loans", type=float, default=1.7e6)
    book = make_book(int(parser.parse_args().loans))
    start = time.perf_counter()
    rows = sum(len(states) for states in replay_batches(book, DAYS))
    spent = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{len(book.loans):,} loans, {rows:,} loan-days: {spent:.1f} s,")
    print(f"{1e6 * spent / rows:.2f} us a loan-day, {memory:.1f} GB at most")


if __name__ == "__main__":
    main()
