"""Reasons made by what rows have in common are those made row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit.deciding.population import read_ids
from alicredit.deciding.reasons import Grounds, ReasonLists

CODES = ("BLACKLIST", "ELIG_REGION", "MISSING_DATA", "ELIG_REGION", "ELIG_TENURE")
BOUNDS = ("LIM_SALES", "ELIG_LIMIT_MIN", "MISSING_DATA", "LIM_PRODUCT_MAX", "LIM_UNPROFITABLE")
REFERRED = ("REFER_REVIEW_ASKED", "REFER_AUTHORITY")
SCORED = ([], ["SC_SALES_LOW"], ["SC_REFUND_HIGH", "SC_SALES_LOW"], ["SC_OTHER:v05"])


@dataclass(frozen=True)
class Rule:
    code: str
    outcome: np.ndarray


def by_row(grounds: Grounds, scored) -> list[list[str]]:
    """Write the order of codes down once more: a person, rules, then why, each code once."""
    ok, is_risky, approved = grounds.ok, grounds.is_risky, grounds.approved
    binding = grounds.binding
    answers = []
    for row in range(len(ok)):
        codes = []
        for rule in grounds.rules:
            if rule.outcome[row] == 0:
                codes.append(rule.code)
            if rule.outcome[row] == 1:
                codes.append("MISSING_DATA")
        if not ok[row]:
            codes.append("NOT_SCORED")
        elif is_risky[row] and not approved[row]:
            codes += ["PD_ABOVE_CUT", *scored[row]]
        elif approved[row] or not codes or binding[row] in (
            "ELIG_LIMIT_MIN", "LIM_UNPROFITABLE",
        ):  # fmt: skip
            codes.append(binding[row])
        first = [code for code, rows in grounds.referrals.items() if rows[row]]
        answers.append(list(dict.fromkeys([*first, *codes])))
    return answers


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_reasons_in_common_are_those_row_by_row(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    odds = rng.dirichlet([0.5, 0.5, 2.0])
    rules = [Rule(code, rng.choice(3, rows, p=odds).astype(np.int8)) for code in CODES]
    passes = np.all([rule.outcome == 2 for rule in rules], axis=0)
    ok, is_risky = rng.random(rows) < 0.8, rng.random(rows) < 0.4
    is_risky &= ok
    approved = ok & ~is_risky & passes & (rng.random(rows) < 0.7)
    binding = np.array(BOUNDS, dtype=object)[rng.integers(0, 5, rows)]
    scored = [SCORED[at] for at in rng.integers(0, 4, rows)]
    referrals = {code: rng.random(rows) < 0.3 for code in REFERRED[: rng.integers(0, 3)]}
    grounds = Grounds(rules, referrals, ok, is_risky, approved, binding)
    want = by_row(grounds, scored)
    found = grounds.of_rows(ReasonLists.of(scored))
    assert found.tolist() == want
    assert [list(grounds.of_row(row, scored[row])) for row in range(rows)] == want
    assert found.to_arrow().to_pylist() == want


def test_very_many_rules_are_told_apart() -> None:
    size, rng = 400, np.random.default_rng(2)
    rules = [Rule(f"R{k}", rng.integers(0, 3, size).astype(np.int8)) for k in range(60)]
    none = np.zeros(size, dtype=bool)
    grounds = Grounds(rules, {}, ~none, none, none, np.full(size, "LIM_SALES", dtype=object))
    scored = [[] for _ in range(size)]
    assert grounds.of_rows(ReasonLists.of(scored)).tolist() == by_row(grounds, scored)


@given(st.lists(st.lists(st.sampled_from(CODES + BOUNDS), max_size=3), max_size=12))
def test_lists_of_parts_stand_side_by_side(rows: list[list[str]]) -> None:
    one, other = ReasonLists.of(rows), ReasonLists.of(rows[::-1])
    assert one.tolist() == rows
    assert len(one) == len(rows)
    both = ReasonLists.side_by_side([one, other])
    assert both.tolist() == [each for pair in zip(rows, rows[::-1]) for each in pair]
    assert both.to_arrow().to_pylist() == both.tolist()


def test_the_list_of_one_row_is_no_others() -> None:
    rows = ReasonLists.of([["A"], ["A"]]).tolist()
    rows[0].append("B")
    assert rows == [["A", "B"], ["A"]]


@pytest.mark.parametrize("kind", ["str", object, "string"])
def test_ids_of_texts_are_read_the_same_however_stored(kind) -> None:
    texts = ["m1", " ", "", "m2 ", "\u3000", "m1"]
    ids, status = read_ids(pd.Series(texts, dtype=kind))
    assert ids.tolist() == texts
    assert status.tolist() == ["ok", "bad_value", "bad_value", "ok", "bad_value", "ok"]
    mixed, kinds = read_ids(pd.Series([*texts, 7, None, True, 1.5], dtype=object))
    assert mixed.tolist()[:8] == [*texts, "7", ""]
    assert kinds.tolist()[6:] == ["ok", "bad_value", "bad_type", "bad_type"]
