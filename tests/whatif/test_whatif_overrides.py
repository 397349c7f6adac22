"""Overrides are measured against what stood, by exact intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alicredit.decision import Decision, override
from alicredit.errors import InputError
from alicredit.whatif import override_outcomes

WHEN = pd.Timestamp("2013-05-01")
PLAIN = {
    "format": "alicredit-decision/1", "product_id": "p", "as_of": WHEN.isoformat(),
    "status": "ok", "pd": 0.02, "pd_lower": 0.01, "pd_upper": 0.03, "score": 600, "grade": "C",
    "limit": 0.0, "rate": 0.0005, "rate_unit": "day", "expected_loss": 0.0,
    "expected_profit": 0.0, "reasons": [], "model_id": "a", "policy_id": "b", "prices_id": "",
    "inputs_digest": "c",
}  # fmt: skip
NAMES = {"by": "Li", "approved_by": "Wang", "reason": "seen"}


def decided(answers: list[str]) -> pd.DataFrame:
    return pd.DataFrame({
        "merchant_id": [f"m{k}" for k in range(len(answers))], "product_id": "p", "as_of": WHEN,
        "decision": answers,
    })  # fmt: skip


def record(frame: pd.DataFrame, row: int, to: str):
    made = Decision.from_dict(PLAIN | frame.loc[row, ["merchant_id", "decision"]].to_dict())
    limit = {"limit": 1000} if to == "approve" else {}
    return override(made, to=to, **NAMES, **limit)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["approve", "decline", "refer"]), st.booleans(),
                  st.sampled_from(["approve", "decline", "refer"]),
                  st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=30,
    )
)  # fmt: skip
def test_counts_and_rates_are_those_of_a_plain_loop(rows) -> None:
    frame = decided([row[0] for row in rows])
    labels = frame[["merchant_id"]].assign(label=[row[3] for row in rows])
    made, groups = [], {}
    for at, (was, is_overridden, to, label) in enumerate(rows):
        name = "model_approvals" if was == "approve" else None
        if is_overridden and to != was:
            made.append(record(frame, at, to))
            name = {"approve": "override_approvals", "decline": "override_declines",
                    "refer": "override_refers"}[to]  # fmt: skip
        groups.setdefault(name, []).append(label)
    told = override_outcomes(made, labels, decisions=frame).set_index("group")
    assert told["decisions"].sum() == sum(len(v) for k, v in groups.items() if k)
    assert len(told) == 4
    for name, row in told.iterrows():
        known = [label for label in groups.get(name, []) if label == label]
        assert row["decisions"] == len(groups.get(name, []))
        assert row["share"] == pytest.approx(row["decisions"] / len(rows))
        assert (row["labelled"], row["defaults"]) == (len(known), sum(known))
        if known:
            exact = stats.binomtest(int(sum(known)), len(known)).proportion_ci(0.9)
            assert row["default_rate"] == pytest.approx(sum(known) / len(known))
            assert (row["rate_lower"], row["rate_upper"]) == pytest.approx((exact.low, exact.high))
        else:
            assert np.isnan(row["default_rate"])


def test_the_last_of_several_overrides_counts() -> None:
    frame = decided(["decline", "approve"])
    made = [record(frame, 0, "refer"), record(frame, 0, "approve")]
    labels = frame[["merchant_id", "as_of", "product_id"]].assign(label=[1.0, 0.0])
    told = override_outcomes(made, labels, decisions=frame).set_index("group")
    assert told["decisions"].tolist() == [1, 1, 0, 0]
    assert told["default_rate"].tolist()[:2] == [0.0, 1.0]
    assert told["text_zh"].str.len().gt(0).all()


def test_bad_measurements_are_refused() -> None:
    frame = decided(["decline", "approve"])
    labels = frame[["merchant_id"]].assign(label=0.0)
    one = record(frame, 0, "approve")
    for made, outcome, all_, says in (
        ([one], labels, frame.iloc[1:], "what stands"), ([], labels.assign(label=2), frame, "0, 1"),
        ([one], labels, frame.assign(decision="approve"), "what stands"),
        ([], pd.concat([labels, labels]), frame, "once"), ([], labels, labels, "columns"),
        ([], labels, pd.concat([frame, frame]), "once"), ([], 3, frame, "labels"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=says):
            override_outcomes(made, outcome, decisions=all_)
