"""Points and odds: the two are one thing in two units."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alicredit.errors import InputError
from alicredit.score import PointScale

scales = st.builds(
    PointScale,
    points=st.floats(-1000, 2000),
    odds=st.floats(0.01, 1000),
    doubles_every=st.floats(1, 200),
)
probabilities = st.floats(1e-9, 1 - 1e-9)


def test_the_anchor_has_the_points_and_odds_stated() -> None:
    scale = PointScale(points=660, odds=30, doubles_every=40)
    assert float(scale.to_points(1 / 31)) == pytest.approx(660, abs=1e-9)
    assert float(scale.to_probability(660)) == pytest.approx(1 / 31, abs=1e-15)


def test_even_odds_score_the_offset() -> None:
    scale = PointScale()
    assert float(scale.to_points(0.5)) == pytest.approx(scale.offset, abs=1e-9)
    # 600 - 20 * log2(50), by the definition of doubling.
    assert scale.offset == pytest.approx(600 - 20 * math.log2(50), abs=1e-9)


@given(scale=scales, pd_=probabilities)
def test_odds_twice_as_good_are_worth_the_points_of_a_doubling(scale, pd_) -> None:
    odds = (1 - pd_) / pd_
    doubled = 1 / (1 + 2 * odds)
    gain = float(scale.to_points(doubled) - scale.to_points(pd_))
    assert gain == pytest.approx(scale.doubles_every, rel=1e-6)


@given(scale=scales, pd_=st.floats(1e-6, 1 - 1e-6))
def test_there_and_back(scale, pd_) -> None:
    back = float(scale.to_probability(float(scale.to_points(pd_))))
    assert back == pytest.approx(pd_, rel=1e-6)


@given(scale=scales, first=probabilities, second=probabilities)
def test_less_risk_never_scores_less(scale, first, second) -> None:
    low, high = sorted((first, second))
    assert float(scale.to_points(low)) >= float(scale.to_points(high))


def test_arrays_are_taken_element_by_element() -> None:
    scale = PointScale()
    pds = np.array([0.007, 0.02, 0.10])
    assert scale.to_points(pds).tolist() == [float(scale.to_points(p)) for p in pds]


@pytest.mark.parametrize("pd_", [0.0, 1.0, -0.1, 1.1, math.nan, math.inf])
def test_what_is_no_probability_has_no_points(pd_) -> None:
    with pytest.raises(InputError, match="strictly between 0 and 1"):
        PointScale().to_points(pd_)


@pytest.mark.parametrize("points", [math.nan, math.inf, -math.inf])
def test_points_that_are_not_finite_are_no_score(points) -> None:
    with pytest.raises(InputError, match="finite"):
        PointScale().to_probability(points)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("points", math.nan),
        ("points", "600"),
        ("odds", 0),
        ("odds", -1),
        ("doubles_every", 0),
        ("doubles_every", -20),
        ("doubles_every", math.inf),
        ("odds", True),
    ],
)
def test_a_scale_that_does_not_rise_is_refused_by_name(name, value) -> None:
    with pytest.raises(InputError, match=name):
        PointScale(**{name: value})


def test_a_scale_is_a_value() -> None:
    assert PointScale() == PointScale(600, 50, 20)
    with pytest.raises(AttributeError):
        PointScale().points = 700
