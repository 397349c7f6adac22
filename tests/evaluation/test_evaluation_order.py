"""Rows go together by position: labels that say otherwise are refused, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicredit import evaluation, monitoring
from alicredit.calibration import floored, relevel_pds, undo_sampling
from alicredit.checks import require_one_order
from alicredit.errors import InputError
from alicredit.model import DefaultModel
from alicredit.policy import load_policy, price_for

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


def letters(p: Any) -> Any:
    """Give the grade of each row, by name where rows have names."""
    words = np.where(np.asarray(p) < 0.3, "A", "B")
    return pd.Series(words, index=p.index) if isinstance(p, pd.Series) else words


GRADES = ["A", "B"]
POLICY = load_policy("ali-2013")
CREDIT = POLICY.product("taobao_credit")
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
    "expected area": (lambda y, p, X: evaluation.expected_auc(y, p), "score"),
    "spread of shares": (
        lambda y, p, X: evaluation.share_covariance(p > 0.3, y, bins=2), "cluster",
    ),
    "shares that tell": (
        lambda y, p, X: evaluation.effective_shares(p > 0.3, y, bins=2), "cluster",
    ),
    "concentration": (lambda y, p, X: evaluation.concentration_test(y + 1, p), "after"),
    "shift": (lambda y, p, X: evaluation.psi_test(y, np.ceil(9 * p)), "current"),
    "level": (lambda y, p, X: relevel_pds(p, 0.02, weight=y, trained_rate=0.3), "weight"),
    "prices": (lambda y, p, X: price_for(CREDIT, POLICY, chance=p, limit=y), "limit"),
    "prices by sales": (
        lambda y, p, X: price_for(CREDIT, POLICY, chance=p, limit=np.ones(ROWS), monthly_sales=y),
        "monthly_sales",
    ),
    "population": (
        lambda y, p, X: monitoring.population_stability(p, p, merchants=y), "merchants",
    ),
    "population then": (
        lambda y, p, X: monitoring.population_stability(p, p, reference_merchants=y),
        "reference_merchants",
    ),
    "periods": (lambda y, p, X: monitoring.population_stability(p, p, periods=y), "periods"),
    "drift": (lambda y, p, X: monitoring.feature_drift(X, X, merchants=y), "merchants"),
    "drift then": (
        lambda y, p, X: monitoring.feature_drift(X, X, reference_merchants=y),
        "reference_merchants",
    ),
    "exposures": (
        lambda y, p, X: monitoring.migration(
            letters(p), letters(p), grades=GRADES, exposure_before=y, exposure_after=p
        ),
        "exposure_before",
    ),
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


def test_counts_by_grade_go_together_by_the_name_of_the_grade() -> None:
    """Counts of pandas stand with the fullest grade first, whichever it is."""
    then, now = pd.Series(list("AAABBC")), pd.Series(list("CCCBBA"))
    counted = then.value_counts(normalize=True), now.value_counts(normalize=True)
    whole = [6 * each for each in counted]
    for test, sides in (
        (evaluation.psi, counted),
        (evaluation.psi_test, whole),
        (evaluation.concentration_test, whole),
    ):
        with pytest.raises(InputError, match="must have its rows in the order of"):
            test(*sides)
        test(*(each.reindex(list("ABC")) for each in sides))


@pytest.mark.parametrize("grades", [{"A", "B"}, frozenset("AB")], ids=["set", "frozenset"])
def test_a_set_is_no_order_of_grades(grades: Any) -> None:
    """The order of a set is another at each start of Python, and with it what became worse."""
    moved = {"before": list("AABB"), "after": list("ABAB")}
    p = [0.1, 0.2, 0.3, 0.4]
    for call in (
        lambda: monitoring.migration(**moved, grades=grades),
        lambda: monitoring.population_stability(*moved.values(), grades=grades),
        lambda: monitoring.population_shares(*moved.values(), grades=grades),
        lambda: monitoring.realised_against_predicted(
            p, [0, 0, 1, 1], grades=moved["before"], scale=grades
        ),
    ):
        with pytest.raises(InputError, match=r"grades must be .* best first; found a .*no order"):
            call()


NO_NUMBERS = [
    pd.to_datetime(pd.Series([1, 2, 3])), pd.to_timedelta(pd.Series([1, 2, 3])),
    np.array([0.1, 0.2, 0.3]) + 1j, {0.1, 0.2}, {"a": 0.1}, ["a", "b", "c"], [[0.1], [0.2, 0.3]],
]  # fmt: skip


@pytest.mark.parametrize("values", NO_NUMBERS, ids=lambda values: type(values).__name__)
def test_dates_and_other_things_are_no_numbers(values: Any) -> None:
    for call in (
        lambda: relevel_pds(values, 0.02, trained_rate=0.3),
        lambda: relevel_pds([0.1, 0.2, 0.3], 0.02, trained_rate=0.3, weight=values),
        lambda: undo_sampling(values, 0.1),
        lambda: floored(values),
        lambda: evaluation.hhi(values),
        lambda: evaluation.pluto_tasche(values, [0, 0, 0], level=0.5),
        lambda: evaluation.share_covariance(values, [1, 2, 3], bins=2),
    ):
        with pytest.raises(InputError, match="must hold numbers"):
            call()


@pytest.mark.parametrize("places", [[0.5, 1, 0], [0, 1, np.nan], [0, np.inf, 1]])
def test_a_place_between_bins_is_no_bin(places: list[float]) -> None:
    with pytest.raises(InputError, match=r"places must be whole numbers, the bin of each row"):
        evaluation.share_covariance(places, ["a", "b", "c"], bins=2)
