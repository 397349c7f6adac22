"""Rows go together by position: labels that say otherwise are refused, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit import evaluation, monitoring
from alicredit.errors import InputError
from alicredit.evaluation.arrays import require_one_order
from alicredit.model import DefaultModel

ROWS = 400


def make(seed: int = 3) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    """Draw rows named by merchants: an input, its probability, and what happened."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"m{k}" for k in rng.permutation(ROWS)])
    X = pd.DataFrame({"debt": rng.normal(size=ROWS)}, index=index)
    p = 1 / (1 + np.exp(1 - X["debt"]))
    y = pd.Series((rng.random(ROWS) < p).astype(float), index=index)
    return X, y, p


def turned(rows: Any) -> Any:
    """Give the same rows, by their names, the other way round."""
    return rows.iloc[::-1]


GRADES = ["A", "B"]
CALLS = {
    "auc": (lambda y, p, X: evaluation.auc(y, p), "score"),
    "auc by cluster": (lambda y, p, X: evaluation.auc(p > 0.3, p, cluster=y), "cluster"),
    "brier": (lambda y, p, X: evaluation.brier(y, p), "pd"),
    "log loss": (lambda y, p, X: evaluation.log_loss(y, p), "pd"),
    "spiegelhalter": (lambda y, p, X: evaluation.spiegelhalter(y, p), "pd"),
    "line": (lambda y, p, X: evaluation.calibration_line(y, p), "pd"),
    "line by cluster": (
        lambda y, p, X: evaluation.calibration_line(p > 0.3, p, cluster=y), "cluster",
    ),
    "mean": (lambda y, p, X: evaluation.clustered_mean(p, y), "cluster"),
    "rows that tell": (lambda y, p, X: evaluation.effective_rows(p > 0.3, y), "cluster"),
    "grades": (
        lambda y, p, X: evaluation.grade_pds(
            (p < 0.3).map({True: "A", False: "B"}) if isinstance(p, pd.Series)
            else np.where(p < 0.3, "A", "B"), y, order=GRADES
        ),
        "y",
    ),
    "directions": (lambda y, p, X: evaluation.find_contradictions(X, y, {"debt": -1}), "y"),
    "fairness": (
        lambda y, p, X: evaluation.audit_fairness(y, np.asarray(p), X["debt"] > 0, max_pd=0.3),
        "groups",
    ),
    "decisions": (
        lambda y, p, X: evaluation.audit_fairness(y, None, np.asarray(y), approved=p < 0.3),
        "approved",
    ),
    "outcomes": (lambda y, p, X: monitoring.realised_against_predicted(p, y), "defaults"),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_what_is_named_by_row_stands_in_one_order_or_is_refused(case: str) -> None:
    """Of the same rows in two orders every figure is one of noise, and looks like any other."""
    call, name = CALLS[case]
    X, y, p = make()
    call(y, p, X)
    with pytest.raises(InputError, match=f"^{name} must have its rows in the order of"):
        call(turned(y), p, X)
    call(turned(y), turned(p), turned(X))
    call(turned(y).to_numpy(), p.to_numpy(), X.reset_index(drop=True))


@pytest.fixture(scope="module")
def model() -> DefaultModel:
    X, y, _ = make()
    return DefaultModel("points", directions=None).fit(X, y)


def test_a_validation_takes_rows_and_outcomes_in_one_order(model: DefaultModel) -> None:
    X, y, _ = make(4)
    with pytest.raises(InputError, match=r"^y must have its rows in the order of X.*y\.loc\[X"):
        evaluation.validate_model(model, X, turned(y))
    plain = evaluation.validate_model(model, X, y).tables["summary"]
    other = evaluation.validate_model(model, turned(X), turned(y)).tables["summary"]
    pd.testing.assert_frame_equal(plain, other, rtol=1e-9)


def test_a_validation_takes_groups_in_the_order_of_its_rows(model: DefaultModel) -> None:
    X, y, _ = make(4)
    card = evaluation.ModelCard(max_pd=0.3)
    side = pd.Series(np.where(X["debt"] > 0, "a", "b"), index=X.index)
    asked: dict[str, Any] = {"card": card, "groups": {"side": turned(side)}}
    with pytest.raises(InputError, match=r"^groups\['side'\] must have its rows in the order of X"):
        evaluation.validate_model(model, X, y, **asked)
    evaluation.validate_model(model, X, y, card=card, groups={"side": side})


def test_monitoring_takes_rows_and_outcomes_in_one_order(model: DefaultModel) -> None:
    X, y, _ = make(5)
    with pytest.raises(InputError, match=r"^labels must have its rows in the order of current"):
        monitoring.monitor(model, None, X, labels=turned(y))
    monitoring.monitor(model, None, X, labels=y)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 30), min_size=2, max_size=12),
    st.randoms(use_true_random=False),
)
def test_rows_are_refused_exactly_where_some_row_would_meet_another(names, random) -> None:
    """Rows of two that share all or some labels meet their own or are refused, repeats or not."""
    first = pd.Series(range(len(names)), index=[f"m{name}" for name in names])
    other = list(first.index)
    random.shuffle(other)
    second = pd.Series(range(len(names)), index=other)
    if other == list(first.index):
        require_one_order(y=first, pd=second)
        return
    with pytest.raises(InputError, match="pd must have its rows in the order of y"):
        require_one_order(y=first, pd=second)


def test_rows_of_others_are_refused_unless_their_labels_are_a_count() -> None:
    """Rows left out of one and not of the other shift all that follow."""
    X, y, _ = make()
    with pytest.raises(InputError, match="found some labels of others"):
        require_one_order(X=X.iloc[1:], y=y.iloc[:-1])
    counted = y.iloc[:-1].reset_index(drop=True)
    require_one_order(X=X.iloc[1:], y=counted)
    require_one_order(X=X.iloc[1:].set_axis(range(5, ROWS + 4)), y=counted)
    require_one_order(X=X.iloc[1:], y=counted.set_axis([f"loan {k}" for k in counted.index]))
    require_one_order(X=X, y=y.iloc[:-1])  # another length is refused by other words
