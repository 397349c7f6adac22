"""What looks like labels, weights or numbers and says something else is refused, or read right."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from model_stage import make_merchants

from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.model import DefaultModel
from alicredit.model.classes import require_default_second
from alicredit.model.inputs import read_inputs
from alicredit.model.outcomes import read_labels, read_weights
from alicredit.portable import what_would_change


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("bad", "good"), ("Charged Off", "Fully Paid"), ("default", "paid"), ("B", "G"),
        ("坏", "好"), ("不良", "正常"), ("default", "non-default"), ("Defaulted", "REPAID"),
        ("late", "ok"), ("arrears", "paid"), ("LOSS", "performing"), ("charged_off", "current"),
    ],
)  # fmt: skip
def test_words_that_name_default_first_are_refused(bad: str, good: str) -> None:
    """In order they come the other way round: the probability would be that of paying."""
    y = np.array([bad, good] * 10)
    with pytest.raises(InputError, match="y must have default as the second") as caught:
        read_labels(y)
    assert f"(y == {bad!r}).astype(float)" in str(caught.value)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("good", "overdue"), ("current", "default"), ("Fully Paid", "Late"), ("paid", "unpaid"),
        ("no", "yes"), ("0", "1"), ("N", "Y"), ("a", "b"), ("正常", "逾期"), ("未违约", "违约"),
        ("Current", "Loss"), ("no default", "paid"), ("default", "loss"), ("ok", "paidless"),
    ],
)  # fmt: skip
def test_words_in_order_or_of_no_meaning_are_learned_in_order(good: str, bad: str) -> None:
    label, classes = read_labels(np.array([bad, good, good]))
    assert label.tolist() == [1, 0, 0]
    assert classes.tolist() == [good, bad]


@pytest.mark.parametrize("kind", [object, "string", "category", "string[pyarrow]"])
def test_words_of_any_type_are_read(kind: str) -> None:
    with pytest.raises(InputError, match="default as the second"):
        read_labels(pd.Series(["bad", "good"] * 4).astype(kind))


def test_numbers_are_no_words() -> None:
    require_default_second(np.array([0.0, 1.0]))
    require_default_second(np.array([False, True]))


def test_times_are_no_labels() -> None:
    days = pd.Series(pd.to_datetime(["2013-01-01", "2013-05-01"] * 5))
    with pytest.raises(InputError, match="y must be 0 or 1; found times"):
        read_labels(days)


def test_two_columns_are_no_labels() -> None:
    with pytest.raises(InputError, match="y must have one label for each row"):
        read_labels(np.eye(2)[[0, 1, 1]])


@pytest.mark.parametrize("values", [[True, False], [decimal.Decimal(1), decimal.Decimal(0)]])
def test_labels_that_are_objects_say_what_to_do(values: list[Any]) -> None:
    y = pd.Series(values * 4, dtype=object)
    with pytest.raises(InputError, match=r"y\.astype\(float\)"):
        read_labels(y)
    assert read_labels(y.astype(float))[0].tolist() == [1, 0] * 4


def test_what_a_mask_hides_is_missing() -> None:
    """The mask of an array is lost where it is read as plain numbers: what lies under it counts."""
    X, y, _ = make_merchants(600, seed=3)
    hidden = np.random.default_rng(3).random(600) < 0.3
    values = X[["debt", "noise"]].to_numpy()
    plain = values.copy()
    plain[hidden, 0] = np.nan
    masked = np.ma.masked_array(values, mask=np.column_stack([hidden, np.zeros(600, dtype=bool)]))
    model = DefaultModel("points", directions=None).fit(masked, y)
    assert model.model_id == DefaultModel("points", directions=None).fit(plain, y).model_id
    assert np.array_equal(model.predict_proba(masked), model.predict_proba(plain))
    assert not np.array_equal(model.predict_proba(masked), model.predict_proba(values))


def test_labels_and_weights_under_a_mask_are_unknown() -> None:
    hidden = [False, True, False, False]
    with pytest.raises(InputError, match="y must be known for each row; found 1 NaN"):
        read_labels(np.ma.masked_array([0, 1, 1, 0], mask=hidden))
    with pytest.raises(InputError, match=r"sample_weight must be 4 finite.*position 1"):
        read_weights(np.ma.masked_array(np.ones(4), mask=hidden), 4)


def test_decimals_of_arrow_are_refused_where_their_rows_would_not_be_scored() -> None:
    column = pd.array([decimal.Decimal("1.25")] * 40, dtype=pd.ArrowDtype(pa.decimal128(9, 2)))
    frame = pd.DataFrame({"debt": column})
    with pytest.raises(InputError, match=r"X\['debt'\] must be numbers.*\.astype\('float64'\)"):
        read_inputs(frame, {})
    assert read_inputs(frame.astype("float64"), {}).X.tolist() == [[1.25]] * 40


@pytest.mark.parametrize(
    ("column", "do"),
    [
        ([pd.Timestamp("2013-05-01").date()] * 3, "as days up to the day of the question"),
        (pd.array([1, 2, 3], dtype=pd.ArrowDtype(pa.duration("s"))), "as days"),
        (pd.array([None] * 3, dtype=pd.ArrowDtype(pa.null())), "leave it out"),
        (pd.Series([pd.NaT] * 3), "leave it out"),
    ],
)
def test_what_is_no_number_says_what_to_do(column: Any, do: str) -> None:
    with pytest.raises(InputError, match=rf"X\['when'\] must be numbers.*{do}"):
        read_inputs(pd.DataFrame({"when": column}), {})


@pytest.mark.parametrize("largest", [np.finfo(float).max, -np.finfo(float).max, 1e300])
def test_stand_ins_for_infinity_are_refused_unless_they_are_codes(largest: float) -> None:
    """The largest double is what other languages write for no value; to trees it is 1e300."""
    frame = pd.DataFrame({"debt": [1.0, largest, np.nan, 2.0]})
    with pytest.raises(InputError, match=r"X\['debt'\] must lie within 1e\+300.*special_codes"):
        read_inputs(frame, {})
    read = read_inputs(frame, {}, (largest,))
    assert np.isnan(read.X[:, 0]).tolist() == [False, True, True, False]
    near = frame.replace(largest, largest * 1e-10)
    assert np.array_equal(read_inputs(near, {}).X, near.to_numpy(), equal_nan=True)


def test_a_column_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="names of columns; found none at position 1"):
        read_inputs(pd.DataFrame({"debt": [1.0], "": [2.0]}), {})


HALF = "\ud800"


@pytest.mark.parametrize(("text", "rule"), [("x" * 1001, "1,000 characters"), (HALF, "written")])
def test_names_and_levels_that_no_file_holds_are_refused_before_learning(
    text: str, rule: str
) -> None:
    columns = pd.Index(["debt", text], dtype=object)
    frame = pd.DataFrame(np.ones((3, 2)))
    frame.columns = columns
    with pytest.raises(InputError, match=f"X must have names.*{rule}"):
        read_inputs(frame, {})
    levels = pd.Series([text] * 30, dtype=object)
    with pytest.raises(InputError, match=rf"X\['region'\] must have levels.*{rule}"):
        read_inputs(pd.DataFrame({"region": levels}), {})


def test_a_rare_level_that_no_file_holds_is_one_of_the_others() -> None:
    levels = pd.Series([HALF, *["north"] * 30], dtype=object)
    assert read_inputs(pd.DataFrame({"region": levels}), {}).levels["region"] == ("north",)


def test_more_levels_than_a_file_holds_are_refused_by_name() -> None:
    codes = [f"c{k}" for k in range(10_001) for _ in range(20)]
    with pytest.raises(InputError, match=r"X\['code'\] must have at most 10,000 levels"):
        read_inputs(pd.DataFrame({"code": codes}), {})


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1 / 1500, 1e9, 1e300, 1.7e308])
def test_a_model_does_not_depend_on_the_scale_of_tiny_or_huge_weights(scale: float) -> None:
    """Weights that sum to 1 taught trees next to nothing, in two thousand rounds."""
    X, y, _ = make_merchants(500, seed=8)
    plain = DefaultModel("points", directions=None).fit(X, y)
    weight = np.full(500, scale)
    model = DefaultModel("points", directions=None).fit(X, y, sample_weight=weight)
    assert np.array_equal(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("power", [-40, -20, 40, 900])
def test_what_weights_are_worth_is_their_ratio(power: int) -> None:
    weight = np.random.default_rng(4).integers(0, 9, 300).astype(float)
    found = read_weights(weight * 2.0**power, 300)
    assert found[weight > 0].mean() == pytest.approx(1)
    assert found / found.max() == pytest.approx(weight / weight.max(), abs=0, rel=1e-15)
    assert ((found == 0) == (weight == 0)).all()


@pytest.mark.parametrize("mean", [0.1, 1.0, 3.0, 1e6])
def test_weights_of_a_usual_size_are_left_as_they_are(mean: float) -> None:
    weight = np.array([0.5, 1.5]) * mean
    assert read_weights(weight, 2).tolist() == weight.tolist()


@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_labels_and_weights_of_other_rows_are_refused() -> None:
    X, y, _ = make_merchants(200, seed=37)
    X.index = pd.Index([f"m{k}" for k in range(200)])
    weight = pd.Series(np.arange(1.0, 201), index=X.index)
    model = DefaultModel("points", directions=None)
    for name, told in (
        ("y", {"y": pd.Series(y.to_numpy(), index=X.index[::-1])}),
        ("y", {"y": pd.DataFrame({"default": y.to_numpy()}, index=X.index[::-1])}),
        ("sample_weight", {"sample_weight": weight[::-1]}),
    ):
        with pytest.raises(InputError, match=f"^{name} must have its rows in the order of X"):
            model.fit(X, **{"y": y.to_numpy(), **told})


def test_columns_named_by_numbers_have_directions_codes_and_changes_by_number() -> None:
    X, y, _ = make_merchants(1500, seed=12)
    named = X[["debt", "sales"]]
    asked: dict[str, Any] = {"special_codes": {"sales": [-9]}, "directions": {"debt": 1}}
    plain = DefaultModel("points", **asked).fit(named, y)
    counted = named.set_axis([0, 1], axis=1)
    model = DefaultModel("points", directions={0: 1}, special_codes={1: [-9]}).fit(counted, y)
    assert model.portable_.tables[0].direction == 1
    assert np.array_equal(model.predict_proba(counted), plain.predict_proba(named))
    row = counted.iloc[0].to_dict()
    assert model.score_one(row)["score"] == plain.score_one(named.iloc[0].to_dict())["score"]
    found = what_would_change(model, row, target=model.predict_score(counted).max(), most=2)
    assert set(found["feature"]) <= {"0", "1"}
    with pytest.raises(InputError, match="within reach"):
        what_would_change(model, row, target=1e6, feasible={0: False, 1: False})


def leaking() -> tuple[pd.DataFrame, pd.Series]:
    X, y, _ = make_merchants(600, seed=7)
    return X, y


LEAKS = {
    "the outcome": lambda X, y: y,
    "an amount written off": lambda X, y: y * 1000 + X["noise"],
    "what only the bad have": lambda X, y: X["debt"].where(y == 1),
    "a state": lambda X, y: np.where(y == 1, "sold", np.where(X["debt"] > 2, "open", "closed")),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_an_input_that_tells_the_outcome_is_logged_by_name(leak: str, caplog) -> None:
    X, y = leaking()
    with caplog.at_level("WARNING"):
        DefaultModel("points", directions=None).fit(X.assign(after=LEAKS[leak](X, y)), y)
    (said,) = [each.getMessage() for each in caplog.records if "area under" in each.msg]
    assert "'after' alone do that" in said
    assert "known only after the outcome" in said


def test_a_model_of_what_is_known_before_is_not_logged(caplog) -> None:
    X, y = leaking()
    with caplog.at_level("WARNING"):
        DefaultModel("points", directions=None).fit(X, y)
    assert not [each for each in caplog.records if "area under" in each.msg]


@pytest.mark.parametrize("shape", ["points", "trees"])
def test_rows_of_one_merchant_at_one_moment_may_come_in_any_order(shape: str) -> None:
    """They differ in what they hold: that, and not how they came, orders them."""
    X, y, _ = make_merchants(500, seed=9)
    rng = np.random.default_rng(9)
    asked = pd.DataFrame({
        "merchant_id": [f"m{k}" for k in rng.integers(0, 120, 500)],
        "as_of": pd.Timestamp("2012-01-01") + pd.to_timedelta(rng.integers(0, 3, 500), unit="D"),
    })  # fmt: skip
    cohort, weight = Cohort.from_frame(asked), rng.uniform(0.5, 1.5, 500)
    assert asked.duplicated().sum() > 50
    ids = set()
    for _ in range(3):
        by = rng.permutation(500)
        model = DefaultModel(shape, directions=None)
        model.fit(X.iloc[by], y.iloc[by], cohort=cohort[by], sample_weight=weight[by])
        ids.add(model.model_id)
    assert len(ids) == 1


def test_a_gone_column_of_no_known_source_says_what_to_do() -> None:
    X, y = leaking()
    model = DefaultModel("points", directions=None).fit(X, y)
    with pytest.raises(InputError, match=r"'debt'.*Try: check where its values come from\."):
        model.check_frame(X.assign(debt=np.nan))


def said_of(column: list[str], caplog) -> list[str]:
    """Read a category and give what is logged of it."""
    caplog.clear()
    with caplog.at_level("WARNING"):
        read_inputs(pd.DataFrame({"debt": column}), {})
    return [each.getMessage() for each in caplog.records]


@pytest.mark.parametrize("sign", [".", ","])
def test_numbers_read_as_text_are_logged(sign: str, caplog) -> None:
    """With a comma for the point a column of numbers is text: its levels were dropped unsaid."""
    numbers = np.random.default_rng(2).gamma(2.0, 1.0, 600)
    fine = [f"{each:.6f}".replace(".", sign) for each in numbers]
    (said,) = said_of(fine, caplog)
    assert said.startswith("column 'debt': none of its 600 levels has the rows to be learned")
    coarse = [f"{each:.1f}".replace(".", sign) for each in numbers]
    (said,) = said_of(coarse, caplog)
    assert said.startswith(f"column 'debt': {len(set(coarse))} numbers as text are levels without")
    assert said_of([str(round(20 * each)) for each in numbers], caplog) == []  # they may be codes
    assert all(
        "make it numbers" in each for each in said_of(fine, caplog) + said_of(coarse, caplog)
    )


def test_levels_and_a_few_codes_are_not_logged(caplog) -> None:
    assert said_of(["north", "south"] * 40, caplog) == []
    assert said_of([str(k % 20) for k in range(600)], caplog) == []
    assert said_of([f"shop {k % 25}" for k in range(600)], caplog) == []
    assert said_of([None] * 40 + ["a"] * 30, caplog) == []
