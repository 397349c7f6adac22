"""Steps of points are named by the values they hold, and many curves are told by a scale."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from alicredit.errors import InputError
from alicredit.plots import (
    plot_pairs,
    plot_realised,
    plot_realised_over_time,
    plot_stability,
    plot_vintages,
)
from alicredit.plots.card import _step, _title, _widest


def english(en: str, zh: str) -> str:
    return en


def chinese(en: str, zh: str) -> str:
    return zh


@pytest.mark.parametrize(
    ("lower", "upper", "category", "en", "zh"),
    [
        (-np.inf, np.inf, "", "any value", "任意值"), (-np.inf, 3.0, "", "up to 3", "不超过 3"),
        (3.0, np.inf, "", "above 3", "高于 3"), (1.0, 2000.0, "", "1 to 2,000", "1 至 2,000"),
        (np.nan, np.nan, "toys", "toys", "toys"), (-np.inf, 3.0, None, "up to 3", "不超过 3"),
    ],
)  # fmt: skip
def test_a_step_is_named_by_the_values_it_holds(lower, upper, category, en, zh) -> None:
    assert _step(lower, upper, category, english) == en
    assert _step(lower, upper, category, chinese) == zh


def test_the_widest_input_is_the_first_by_name_of_equals() -> None:
    rows = pd.DataFrame({"feature": ["b", "b", "a", "a", "c", "c"], "points": [0, 9, 9, 0, 1, 2]})
    assert _widest(rows, ["feature"]) == ("a",)
    pairs = rows.assign(feature_2=["x", "x", "x", "x", "y", "y"])
    assert _widest(pairs, ["feature", "feature_2"]) == ("a", "x")
    assert _title(rows, "a") == "a"
    titled = rows.assign(title=["B", "B", "", "", "C", "C"])
    assert [_title(titled, name) for name in ("b", "a", "z")] == ["B", "a", "z"]


def test_cells_of_a_pair_stand_where_their_steps_do() -> None:
    card = pd.DataFrame({
        "feature": "late", "lower": [-np.inf, 3] * 2, "upper": [3, np.inf] * 2, "category": "",
        "feature_2": "sales", "lower_2": [-np.inf, -np.inf, 9, 9],
        "upper_2": [9, 9, np.inf, np.inf], "category_2": "", "points": [1.5, -7.0, 0.0, 2.0],
    })  # fmt: skip
    ax = plot_pairs(card)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["up to 3", "above 3"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["up to 9", "above 9"]
    written = {tuple(map(int, each.get_position())): each.get_text() for each in ax.texts}
    assert written == {(0, 0): "+1.5", (0, 1): "-7", (1, 0): "+0", (1, 1): "+2"}
    with pytest.raises(InputError, match="must hold a pair"):
        plot_pairs(card.assign(feature_2=""))


def curves(many: int) -> pd.DataFrame:
    months = pd.date_range("2008-01-01", periods=many, freq="MS")
    frame = pd.DataFrame({"vintage": months.repeat(2), "months_on_book": [1, 2] * many})
    rate = np.arange(2 * many) / 1000
    return frame.assign(rate=rate, rate_low=rate / 2, rate_high=rate * 2, rate_of_amount=rate)


def test_many_vintages_are_told_by_a_scale_with_the_first_and_the_last_on_it() -> None:
    few, many = plot_vintages(curves(4)), plot_vintages(curves(60))
    assert few.get_legend() is not None
    assert len(few.figure.axes) == 1
    assert many.get_legend() is None
    assert len(many.lines) == 60
    bar = many.figure.axes[1]
    named = [label.get_text() for label in bar.get_yticklabels()]
    assert len(named) == 6
    assert named[0].startswith("2008-01")
    assert named[-1].startswith("2012-12")


def test_rates_and_shifts_that_are_not_known_are_said_not_to_be() -> None:
    none = curves(2).assign(rate=np.nan, rate_low=np.nan, rate_high=np.nan)
    assert plot_vintages(none).get_title(loc="left") == "No rate is known yet"
    shift = pd.DataFrame({"period": ["a"], "psi": [np.nan], "critical": [np.nan],
                          "is_shifted": [False]})  # fmt: skip
    assert plot_stability(shift).get_title(loc="left") == "No index is known"


def test_a_period_or_a_total_that_lacks_is_refused_by_name() -> None:
    grades = pd.DataFrame({
        "period": "2013Q1", "grade": ["A", "B"], "rows": [100, 50], "mean_pd": [0.01, 0.05],
        "rate": [0.01, 0.2], "low": [0.0, 0.1], "high": [0.04, 0.3],
    })  # fmt: skip
    with pytest.raises(InputError, match="one of the frame's, 2013Q1; found '2013Q2'"):
        plot_realised(grades, period="2013Q2")
    with pytest.raises(InputError, match="must have a row of all grades"):
        plot_realised_over_time(grades)
    assert len(plot_realised(grades, period="2013Q1").get_xticks()) == 2
