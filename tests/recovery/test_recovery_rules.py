"""Whoever takes rules refuses what are none, and does not fall back to the defaults."""

from __future__ import annotations

import pandas as pd
import pytest

import alicredit as ac
from alicredit.errors import InputError
from alicredit.ledger import classify_loans, read_postings, replay, replay_batches
from alicredit.losses import estimate_lgd, find_workouts
from alicredit.monitoring import vintages
from alicredit.recovery import (
    assess_willingness,
    blacklist_changes,
    find_claims,
    restoration_offers,
    worklist,
)

DAY = "2013-02-01"
PEOPLE = dict.fromkeys(("message", "telephone", "visit", "blacklist", "write_off"), 9)
ASKED = {
    "replay": ("rules", lambda r, wrong: replay(read_postings(r), [DAY], rules=wrong)),
    "replay_batches": (
        "rules", lambda r, wrong: list(replay_batches(read_postings(r), [DAY], rules=wrong)),
    ),
    "classify": (
        "rules", lambda r, wrong: classify_loans(replay(read_postings(r), [DAY]), rules=wrong),
    ),
    "vintages": (
        "rules", lambda r, wrong: vintages(read_postings(r), observed_until=DAY, rules=wrong),
    ),
    "claims": ("stages", lambda r, wrong: find_claims(r, as_of=DAY, stages=wrong)),
    "worklist": ("rules", lambda r, wrong: worklist(r, as_of=DAY, capacity=PEOPLE, rules=wrong)),
    "stages": ("stages", lambda r, wrong: worklist(r, as_of=DAY, capacity=PEOPLE, stages=wrong)),
    "offers": ("rules", lambda r, wrong: restoration_offers(r, as_of=DAY, rules=wrong)),
    "conduct": ("rules", lambda r, wrong: assess_willingness(r, as_of=DAY, rules=wrong)),
    "blacklist": ("rules", lambda r, wrong: blacklist_changes(r, as_of=DAY, rules=wrong)),
    "workouts": ("rules", lambda r, wrong: find_workouts(r, as_of=DAY, rules=wrong)),
    "lgd": ("rules", lambda r, wrong: estimate_lgd(r, as_of=DAY, rules=wrong)),
    "workout": ("workout", lambda r, wrong: estimate_lgd(r, as_of=DAY, workout=wrong)),
}  # fmt: skip


@pytest.fixture(scope="module")
def records() -> ac.Records:
    """Give a book of one overdue loan."""
    start, due = pd.Timestamp("2012-11-11"), pd.Timestamp("2012-12-11")
    merchants = pd.DataFrame({"merchant_id": ["m"], "platform": ["taobao"],
                              "registered_at": [pd.Timestamp("2011-05-01")]})  # fmt: skip
    loans = pd.DataFrame({"loan_id": ["l"], "merchant_id": ["m"], "rate": [0.0005],
                          "product_id": ["taobao_order"], "principal": [5000.0],
                          "disbursed_at": [start], "due_at": [due]})  # fmt: skip
    return ac.read_records({"merchants": merchants, "loans": loans})


@pytest.mark.parametrize("wrong", [False, 0, {}, "strict", ["late"]])
@pytest.mark.parametrize("name", list(ASKED))
def test_rules_that_are_none_are_refused_by_name(records, name, wrong) -> None:
    argument, ask = ASKED[name]
    with pytest.raises(InputError, match=rf"{argument} must be \w+Rules, or None for its defaults"):
        ask(records, wrong)
