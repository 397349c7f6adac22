"""What would change the answer: few, near, feasible, and true when scored again."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from portable_stage import KINDS, SHAPES, draw_rows, finish, make_model, make_table

from alicredit.errors import InputError
from alicredit.portable import ScoreModel, what_would_change

seeds = st.integers(0, 10**6)
GRID = [each / 4 for each in range(-20, 21)]
RISKIER = {name: direction for name, (_, direction) in KINDS.items()}


def row_of(seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    frame = draw_rows(list(KINDS), 40, rng).dropna(ignore_index=True)
    return {**frame.iloc[0].to_dict(), "flag": bool(frame["flag"].iloc[0])}


def others(name: str, value) -> list:
    """Give what an input may become, on a grid finer than any cut of the stage."""
    if name == "kind":
        return [level for level in "abc" if level != value]
    every = [False, True] if name == "flag" else GRID
    return [each for each in every if each != value and RISKIER[name] * (each - value) <= 0]


def reachable(model: ScoreModel, row, target: float, size: int) -> bool:
    """Try all changes of so many inputs."""
    for names in itertools.combinations(KINDS, size):
        options = [others(name, row[name]) for name in names]
        rows = [
            {**row, **dict(zip(names, each, strict=True))} for each in itertools.product(*options)
        ]
        if rows and model.predict_score(pd.DataFrame(rows)).max() >= target * model.unit:
            return True
    return False


def target_above(model: ScoreModel, row, share: float) -> float:
    """Give a target some way between where a row is and the most it could be."""
    here = model.score_one(row)["score"] / model.unit
    return here + share * (model.first_score + len(model.pds) - 1 - here)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=12, deadline=None)
@given(seed=seeds, share=st.sampled_from([0.02, 0.1, 0.3, 0.5]))
@example(seed=3489, share=0.3)  # two inputs of which neither helps alone
def test_options_are_few_true_and_cannot_be_fewer(shape: str, seed: int, share: float) -> None:
    model, row = make_model(shape, seed), row_of(seed)
    target = target_above(model, row, share)
    found = what_would_change(model, pd.DataFrame([row]), target=target, most=2)
    if model.score_one(row)["score"] >= target * model.unit:
        assert found["status"].tolist() == ["reached"]
        return
    if found["status"].iloc[0] == "out_of_reach":
        assert not any(reachable(model, row, target, size) for size in (1, 2))
        return
    assert set(found["status"]) == {"change"}
    sizes = found.groupby("option").size()
    assert sizes.nunique() == 1
    assert sizes.iloc[0] == 1 or not reachable(model, row, target, 1)
    for _, lines in found.groupby("option"):
        changed = dict(zip(lines["feature"], lines["change_to"], strict=True))
        again = model.score_one({**row, **changed})
        assert again["score"] >= target * model.unit
        assert lines["score"].tolist() == [again["score"] / model.unit] * len(lines)
        assert lines["pd"].tolist() == [again["pd"]] * len(lines)
        assert all(value == row[name] for name, value in zip(lines["feature"], lines["value"]))
        for name, value in changed.items():
            assert name == "kind" or RISKIER[name] * (value - row[name]) <= 0
    distances = found.groupby("option")["distance"].sum()
    assert distances.is_monotonic_increasing


@settings(max_examples=25, deadline=None)
@given(seed=seeds, share=st.sampled_from([0.02, 0.1]))
def test_of_single_changes_the_nearest_comes_first(seed: int, share: float) -> None:
    model, row = make_model("points", seed), row_of(seed)
    target = target_above(model, row, share)
    found = what_would_change(model, pd.DataFrame([row]), target=target, most=1)
    if model.score_one(row)["score"] >= target:
        assert found["status"].tolist() == ["reached"]
        return
    best = {}
    for at, name in enumerate(KINDS):
        table = model.tables[at]
        for value in others(name, row[name]):
            if model.score_one({**row, name: value})["score"] < target:
                continue
            distance = 1.0
            if table.kind == "numeric":
                steps = [sum(x > cut for cut in table.cuts) for x in (row[name], value)]
                distance = abs(steps[1] - steps[0]) / len(table.cuts)
            best[name] = min(best.get(name, 9.0), distance)
    ranked = sorted(best.values())[:3]
    assert found["status"].iloc[0] == ("change" if best else "out_of_reach")
    assert found["distance"].tolist() == (ranked or [0.0])
    assert found["feature"].dropna().is_unique


def simple() -> ScoreModel:
    """Build a model by hand: debt 10 points a step, sales 20, kind 5 for b; base 600."""
    rng = np.random.default_rng(0)
    debt, sales, _, flag, kind = (make_table(name, rng, spread=0) for name in KINDS)

    def filled(table, cuts, points, **more):
        counts = (1,) * (len(points) + 1)
        fields = {name: getattr(table, name) for name in table.__slots__}
        fields |= {"cuts": cuts, "points": points, "rows": counts, "defaults": counts}
        return type(table)(
            **(fields | {"missing_points": points[0], "reference": points[0]} | more)
        )

    return finish(
        [
            filled(debt, (1.5, 3.5), (20, 10, 0), low=0.0, high=9.0, median=2.0),
            filled(sales, (0.25, 2.0), (0, 20, 40), low=-5.0, high=9.5),
            filled(flag, (), (0,)),
            filled(kind, (), (0, 5, 0, 0)),
        ],
        unit=1,
    )


ROW = {"debt": 4, "sales": 0.2, "flag": False, "kind": "a"}


def test_values_are_at_the_models_own_cuts_and_whole_where_training_was() -> None:
    found = what_would_change(simple(), ROW, target=620)
    assert found["feature"].tolist() == ["sales", "debt"]
    # Whole numbers of debt: 1, not 1.5; sales stands just above its cut.
    assert found["change_to"].tolist() == [0.3, 1.0]
    assert found["distance"].tolist() == [0.5, 1.0]
    assert found["score"].tolist() == [620, 620]
    assert found["option"].tolist() == [1, 2]
    level = what_would_change(simple(), ROW, target=605)
    assert level["feature"].tolist() == ["debt", "sales", "kind"]
    assert level["change_to"].tolist() == [3.0, 0.3, "b"]


def test_what_cannot_change_does_not() -> None:
    fixed = what_would_change(simple(), ROW, target=620, feasible={"sales": False})
    assert fixed["feature"].tolist() == ["debt"]
    both = what_would_change(simple(), ROW, target=615, feasible={"sales": False, "debt": (2, 9)})
    assert both["feature"].tolist() == ["debt", "kind"]
    assert both["change_to"].tolist() == [3.0, "b"]
    far = what_would_change(simple(), ROW, target=640, feasible={"sales": (1, 8.0)})
    assert far["change_to"].tolist()[0] == 2.1
    with pytest.raises(InputError, match="found 620 points at best"):
        what_would_change(simple(), ROW, target=640, feasible={"sales": False, "kind": ["a"]})


def test_a_missing_value_stays_missing_unless_named() -> None:
    row = {**ROW, "sales": None}
    assert "sales" not in set(what_would_change(simple(), row, target=620)["feature"])
    told = what_would_change(simple(), row, target=640, feasible={"sales": (0, 5)})
    assert told["feature"].tolist() == ["sales"]
    assert told["distance"].tolist() == [1.0]


def test_a_grade_is_reached_when_its_probability_is() -> None:
    model = simple()
    bound = model.score_one({**ROW, "sales": 1.0})["pd"]
    grades = SimpleNamespace(names=("A", "B"), upper_pd=(bound, 1.0))
    for where in (grades, SimpleNamespace(grades=grades)):
        found = what_would_change(model, ROW, target=("A", where))
        assert found["change_to"].tolist() == [0.3, 1.0]
        assert (found["pd"] <= bound).all()
        assert what_would_change(model, ROW, target=("B", where))["status"].tolist() == ["reached"]
    none = SimpleNamespace(names=("A",), upper_pd=(1e-12,))
    with pytest.raises(InputError, match="within reach"):
        what_would_change(model, ROW, target=("A", none))


def test_rows_of_a_frame_have_a_status_each() -> None:
    X = pd.DataFrame([ROW, {**ROW, "sales": 9.0}, {**ROW, "debt": np.inf}, {**ROW, "sales": None}])
    found = what_would_change(simple(), X, target=635)
    status = found.drop_duplicates("row").set_index("row")["status"]
    assert status.tolist() == ["change", "reached", "bad_value", "out_of_reach"]
    assert found.loc[found["row"] == 3, "score"].tolist() == [625]
    assert what_would_change(simple(), X[:0], target=635).empty


def test_a_column_that_stands_twice_is_refused_by_name_and_one_of_no_input_is_not() -> None:
    """Taken as one, its rows were said to hold a wrong type."""
    X = pd.DataFrame([ROW, ROW])
    with pytest.raises(InputError, match=r"column 'debt' once"):
        what_would_change(simple(), pd.concat([X, X[["debt"]]], axis=1), target=635)
    spare = X.assign(note="x")
    found = what_would_change(simple(), pd.concat([spare, spare[["note"]]], axis=1), target=635)
    pd.testing.assert_frame_equal(found, what_would_change(simple(), X, target=635))


def test_a_wide_model_is_searched_within_bounds() -> None:
    model = make_model("trees", 3, trees=30, depth=3)
    row = row_of(5)
    ceiling = model.score_one(row)["score"] / 1000 + 4
    found = what_would_change(model, pd.DataFrame([row]), target=ceiling, most=4)
    assert (found["status"].isin(["change", "out_of_reach", "reached"])).all()


BAD = {
    "no model": (lambda: what_would_change("x", ROW, target=1), "model must be"),
    "no row": (lambda: what_would_change(simple(), [1], target=1), "row must be"),
    "a row without an input": (lambda: what_would_change(simple(), {}, target=1), "must have"),
    "a row not scored": (
        lambda: what_would_change(simple(), {**ROW, "debt": "x"}, target=1), "model scores"),
    "a target in text": (lambda: what_would_change(simple(), ROW, target="A"), "target must be"),
    "a target without end": (
        lambda: what_would_change(simple(), ROW, target=np.inf), "target must be"),
    "a target that is true": (
        lambda: what_would_change(simple(), ROW, target=True), "target must be"),
    "a target that is a probability": (
        lambda: what_would_change(simple(), ROW, target=0.05), "not a probability.*'B', policy"),
    "a probability in NumPy's type": (
        lambda: what_would_change(simple(), ROW, target=np.float32(0.05)), "not a probability"),
    "a grade without grades": (
        lambda: what_would_change(simple(), ROW, target=("A", 3)), "a grade and its grades"),
    "an unknown grade": (
        lambda: what_would_change(
            simple(), ROW, target=("Z", SimpleNamespace(names=("A",), upper_pd=(1.0,)))),
        "one of the grades"),
    "no changes": (lambda: what_would_change(simple(), ROW, target=620, most=0), "most must be"),
    "an unknown input": (
        lambda: what_would_change(simple(), ROW, target=620, feasible={"dept": False}),
        "did you mean 'debt'"),
    "a range turned": (
        lambda: what_would_change(simple(), ROW, target=620, feasible={"debt": (3, 1)}),
        "lowest first"),
    "a range of texts": (
        lambda: what_would_change(simple(), ROW, target=620, feasible={"debt": ("a", "b")}),
        "lowest and a highest"),
    "an unknown level": (
        lambda: what_would_change(simple(), ROW, target=620, feasible={"kind": ["q"]}),
        "known values"),
    "a level in text": (
        lambda: what_would_change(simple(), ROW, target=620, feasible={"kind": "b"}),
        "collection"),
    "no target at all": (lambda: what_would_change(simple(), ROW, target=()), "a grade and its"),
    "a target past any score": (
        lambda: what_would_change(simple(), ROW, target=10**400), "a score in points"),
    "nothing feasible in a list": (
        lambda: what_would_change(simple(), ROW, target=620, feasible=[]), "must map"),
    "feasible in a list": (
        lambda: what_would_change(simple(), ROW, target=620, feasible=["debt"]), "must map"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_questions_are_refused(case: str) -> None:
    ask, message = BAD[case]
    with pytest.raises(InputError, match=message):
        ask()


@pytest.mark.parametrize("low", [-3, 0, 1, 1.0])
def test_a_score_that_every_row_has_is_reached_by_all(low: float) -> None:
    assert what_would_change(simple(), ROW, target=low)["status"].tolist() == ["reached"]
