"""A model that contradicts itself is refused, and each rung is the nearest that is sound."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_stage import make_model

from alicredit.errors import InputError, ModelFileError
from alicredit.portable.checking import (
    _check_axis,
    _check_claim,
    _check_node,
    _check_table,
    points_within,
    reach_of,
)
from alicredit.portable.ladders import _CLOSE, _choices, _just_above, _nearest_in, _range
from alicredit.portable.tables import Claim

MODEL = make_model("points", 4)
TABLES = {table.name: table for table in MODEL.tables}
DEBT, FLAG, KIND = TABLES["debt"], TABLES["flag"], TABLES["kind"]
MOST = 10**6


def test_the_stage_is_sound() -> None:
    for table in MODEL.tables:
        _check_table(table, MOST)
    _check_claim(MODEL.claim)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "text"}, "known kind"), ({"code": "SC_LUCK"}, "known kind and code"),
        ({"points": DEBT.points[:-1]}, "a step for each cut"),
        ({"points": (*DEBT.points, 1)}, "a step for each cut"),
        ({"rows": DEBT.rows[:-1]}, "counts for each step"),
        ({"defaults": DEBT.defaults[:-1]}, "counts for each step"),
        ({"defaults": (DEBT.rows[0] + 1, *DEBT.defaults[1:])}, "defaults among its rows"),
        ({"defaults": (-1, *DEBT.defaults[1:])}, "defaults among its rows"),
        ({"missing_share": 1.01}, "range and share"), ({"missing_share": -0.01}, "range and share"),
        ({"median": DEBT.high + 1}, "range and share"),
        ({"median": DEBT.low - 1}, "range and share"),
        ({"cuts": (0.0, 3.0, 3.0)}, "rising cuts"), ({"cuts": (3.0, 0.0, 4.0)}, "rising cuts"),
        ({"points": (MOST + 1, 17, 16, 15)}, "within a million"),
        ({"missing_points": -MOST - 1}, "within a million"),
        ({"reference": max(DEBT.every) + 1}, "its own points"),
        ({"reference": min(DEBT.every) - 1}, "its own points"),
        ({"direction": 2}, "a direction"), ({"direction": -2}, "a direction"),
        ({"specials": (1.0,)}, "points for each special code"),
        ({"specials": (2.0, 1.0), "special_points": (1, 1)}, "codes, rising"),
        ({"specials": (1.0, 1.0), "special_points": (1, 1)}, "codes, rising"),
        ({"specials": (math.inf,), "special_points": (1,)}, "finite, different codes"),
    ],
)  # fmt: skip
def test_a_table_that_contradicts_itself_is_refused(change, says) -> None:
    with pytest.raises(ModelFileError, match=says):
        _check_table(replace(DEBT, **change), MOST)


def test_a_table_holds_at_its_very_bounds() -> None:
    for change in (
        {"points": (MOST, 17, 16, -MOST)}, {"missing_share": 0.0}, {"missing_share": 1.0},
        {"median": DEBT.low}, {"median": DEBT.high}, {"defaults": DEBT.rows},
        {"defaults": (0,) * len(DEBT.rows)}, {"reference": max(DEBT.every)},
        {"reference": min(DEBT.every)}, {"direction": -1}, {"direction": 0},
    ):  # fmt: skip
        _check_table(replace(DEBT, **change), MOST)


def test_levels_are_different_have_no_cuts_and_no_direction() -> None:
    twice = (KIND.levels[0], *KIND.levels[:-1])
    for change, says in (({"levels": twice}, "different levels"),
                         ({"cuts": (1.0,)}, "different levels"), ({"direction": 1}, "a direction"),
                         ({"specials": (1.0,), "special_points": (1,)}, "of numbers")):  # fmt: skip
        with pytest.raises(ModelFileError, match=says):
            _check_table(replace(KIND, **change), MOST)


@pytest.mark.parametrize(
    ("claim", "is_sound"),
    [
        (Claim(1, "borrower", 0), True), (Claim(36_500, "facility", 36_500), True),
        (Claim(), True), (Claim(0, "borrower", 90), False), (Claim(36_501, "borrower", 90), False),
        (Claim(365, "merchant", 90), False), (Claim(365, "borrower", -1), False),
        (Claim(365, "borrower", 36_501), False),
    ],
)  # fmt: skip
def test_a_claim_is_of_a_known_level_and_a_possible_length(claim, is_sound) -> None:
    if is_sound:
        _check_claim(claim)
        return
    with pytest.raises(ModelFileError, match="known level and length"):
        _check_claim(claim)


def test_a_claim_says_itself_or_that_it_is_not_stated() -> None:
    assert str(Claim(365, "borrower", 90)) == "365 days, borrower, more than 90 days past due"
    assert str(Claim()) == "horizon and level not stated"


@settings(max_examples=50)
@given(st.integers(-(10**6), 10**6), st.integers(0, 10**6), st.sampled_from([1, 1000]))
def test_whole_points_hold_every_score_of_a_reach_and_no_point_is_spare(low, more, unit) -> None:
    first, last = points_within(low, low + more, unit)
    assert first * unit <= low < (first + 1) * unit
    assert (last - 1) * unit < low + more <= last * unit


def test_a_reach_is_the_sum_of_the_lowest_and_of_the_highest_points() -> None:
    low = MODEL.base + sum(min(table.every) for table in MODEL.tables)
    high = MODEL.base + sum(max(table.every) for table in MODEL.tables)
    assert reach_of(MODEL.base, MODEL.tables) == (low, high)
    assert (MODEL.first_score, MODEL.first_score + len(MODEL.pds) - 1) == (low, high)


def test_axes_and_nodes_are_of_their_inputs_kind() -> None:
    many = len(KIND.levels)
    tree = (DEBT, KIND)
    _check_axis("pair", DEBT, (1.0, 2.0), ())
    _check_axis("pair", KIND, (), (0,) * many + (1,))
    _check_node(tree, 0, 1.5, ())
    _check_node(tree, 1, 0.0, (0, many))
    for table, cuts, groups, says in (
        (DEBT, (2.0, 2.0), (), "rising cuts"), (DEBT, (1.0,), (0, 1), "rising cuts"),
        (KIND, (1.0,), (0,) * (many + 1), "a group for each level"),
        (KIND, (), (0,) * many, "a group for each level"),
        (KIND, (), (1,) * (many + 1), "without a gap"),
        (KIND, (), (-1,) * many + (0,), "without a gap"),
    ):  # fmt: skip
        with pytest.raises(ModelFileError, match=says):
            _check_axis("pair", table, cuts, groups)
    for at, cut, levels, says in (
        (2, 0.0, (), "the model's inputs"), (-1, 0.0, (), "the model's inputs"),
        (0, math.inf, (), "cut 'debt' at a number"), (0, 1.0, (0,), "cut 'debt' at a number"),
        (1, 1.0, (0,), "rising levels"), (1, 0.0, (), "rising levels"),
        (1, 0.0, (1, 1), "rising levels"), (1, 0.0, (-1, 0), "its own levels"),
        (1, 0.0, (0, many + 1), "its own levels"),
    ):  # fmt: skip
        with pytest.raises(ModelFileError, match=says):
            _check_node(tree, at, cut, levels)


@settings(max_examples=100)
@given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e4))
def test_a_number_above_a_cut_is_in_its_step_and_near_the_cut(low, wide) -> None:
    found = _just_above(DEBT, low, low + wide, is_whole=False)
    assert low < found <= low + wide
    assert found - low <= _CLOSE * max(abs(low), DEBT.high - DEBT.low)
    assert _just_above(DEBT, low, low + wide, is_whole=True) == math.floor(low) + 1


@pytest.mark.parametrize(
    ("value", "step", "within", "is_whole", "want"),
    [
        (9.0, (3.0, 4.0), (-5.0, 20.0), True, 4.0), (9.0, (3.0, 4.5), (-5.0, 20.0), True, 4.0),
        (9.0, (3.0, 4.5), (-5.0, 20.0), False, 4.5), (1.0, (3.0, 4.0), (-5.0, 20.0), True, 4.0),
        (1.0, (3.0, 3.5), (-5.0, 20.0), True, None), (9.0, (3.0, 4.0), (-5.0, 3.0), True, None),
        (1.0, (3.0, 8.0), (6.0, 20.0), True, 6.0), (math.nan, (3.0, 4.0), (-5.0, 20.0), True, 4.0),
        (math.nan, (4.0, math.inf), (-5.0, 20.0), True, 5.0),
    ],
)  # fmt: skip
def test_the_nearest_value_of_a_step_lies_in_it_and_in_what_is_allowed(
    value, step, within, is_whole, want
) -> None:
    assert _nearest_in(DEBT, value, step, within, is_whole=is_whole) == want


def test_a_code_that_means_something_else_is_stepped_over() -> None:
    coded = replace(DEBT, specials=(4.0,), special_points=(1,))
    assert _nearest_in(coded, 9.0, (2.0, 4.0), (-5.0, 20.0), is_whole=True) == 3.0
    assert _nearest_in(coded, 1.0, (3.0, 8.0), (-5.0, 20.0), is_whole=True) == 5.0
    assert _nearest_in(coded, 9.0, (3.0, 4.0), (-5.0, 20.0), is_whole=True) is None
    below = _nearest_in(coded, 9.0, (2.0, 4.0), (-5.0, 20.0), is_whole=False)
    assert below == np.nextafter(4.0, -math.inf)


def test_what_may_change_is_a_range_or_known_values() -> None:
    assert _range(DEBT, None) == _range(DEBT, True) == (DEBT.low, DEBT.high)
    assert _range(DEBT, (2, 2)) == (2.0, 2.0)
    for wrong in ((3, 2), (1,), (1, 2, 3), (True, 2), ("a", "b"), 5, (math.nan, 1)):
        with pytest.raises(InputError, match=r"feasible\['debt'\]"):
            _range(DEBT, wrong)
    assert _choices(FLAG, None) == [0.0, 1.0]
    assert _choices(FLAG, [True]) == [1.0]
    assert _choices(KIND, [KIND.levels[-1]]) == [float(len(KIND.levels) - 1)]
    for wrong in ("toys", 3, ["never seen"]):
        with pytest.raises(InputError, match=r"feasible\['kind'\]"):
            _choices(KIND, wrong)
