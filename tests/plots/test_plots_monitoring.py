"""What is drawn is what the frames say, and a frame that says nothing is refused."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from alicredit.errors import AlicreditError, InputError
from alicredit.monitoring import (
    feature_drift,
    population_stability,
    realised_against_predicted,
    roll_rates,
)
from alicredit.plots import (
    plot_drift,
    plot_realised,
    plot_realised_over_time,
    plot_roll_rates,
    plot_stability,
    plot_vintages,
)

RED, BLUE = "#d55e00", "#0072b2"


def dots(ax, shades: tuple[str, ...] = (BLUE, RED)) -> list[tuple[float, float, str]]:
    """List the dots of some colours from the bottom: y, x, colour."""
    from matplotlib.collections import PathCollection
    from matplotlib.colors import to_hex

    found = []
    for each in ax.collections:
        if isinstance(each, PathCollection):
            colours = np.resize([to_hex(c) for c in each.get_facecolors()], len(each.get_offsets()))
            found += [(float(y), float(x), str(c))
                      for (x, y), c in zip(each.get_offsets(), colours)]  # fmt: skip
    return sorted(mark for mark in found if mark[2] in shades)


def curves(count: int) -> pd.DataFrame:
    """Make vintages of which each is seen a month shorter than the one before."""
    rng = np.random.default_rng(count)
    parts = []
    for k in range(count):
        ages = np.arange(1, 13 - k)
        rate = np.cumsum(rng.uniform(0, 0.003, len(ages)))
        parts.append(pd.DataFrame({
            "vintage": pd.Timestamp("2012-01-01") + pd.DateOffset(months=k),
            "months_on_book": ages, "rate": rate, "rate_low": rate * 0.8,
            "rate_high": rate * 1.3, "rate_of_amount": rate / 2}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_each_vintage_is_a_line_of_its_own_rates(count) -> None:
    frame = curves(count)
    for measure in ("rate", "rate_of_amount"):
        ax = plot_vintages(frame.sample(frac=1, random_state=1), measure=measure)
        assert [line.get_label() for line in ax.lines] == [
            f"2012-{k + 1:02d}" for k in range(count)
        ]
        for line, (_, mine) in zip(ax.lines, frame.groupby("vintage"), strict=True):
            assert line.get_xdata().tolist() == mine["months_on_book"].tolist()
            assert line.get_ydata().tolist() == mine[measure].tolist()
        bands = count if count <= 4 and measure == "rate" else 0
        assert len(ax.collections) == bands
        assert ax.get_ylim()[0] == 0


def test_roll_rates_are_written_into_their_cells() -> None:
    days = pd.to_datetime(["2013-01-31", "2013-02-28"])
    states = pd.DataFrame({
        "loan_id": np.repeat([f"l{k}" for k in range(10)], 2), "day": np.tile(days, 10),
        "balance_fen": 100, "state": "current",
        "bucket": ["0", "0"] * 7 + ["0", "1-30"] + ["1-30", "0"] + ["1-30", "31-60"]})  # fmt: skip
    rates = roll_rates(states, pooled=True)
    ax = plot_roll_rates(rates)
    told = {(text.get_position()): text.get_text() for text in ax.texts}
    columns = [label.get_text() for label in ax.get_xticklabels()]
    lines = [label.get_text() for label in ax.get_yticklabels()]
    assert lines == ["0 (8)", "1-30 (2)"]
    where = {name: k for k, name in enumerate(columns)}
    assert told[(where["0"], 0)] == "88%"
    assert told[(where["1-30"], 0)] == "12%"
    assert told[(where["0"], 1)] == told[(where["31-60"], 1)] == "50%"
    assert len(told) == 4
    with pytest.raises(InputError, match="pooled=True"):
        plot_roll_rates(pd.concat([rates, rates]))


def test_shifts_are_red_where_they_are_beyond_chance_and_nowhere_else() -> None:
    rng = np.random.default_rng(4)
    old, now = rng.normal(size=4000), rng.normal(size=4000)
    periods = np.repeat(["2013Q1", "2013Q2"], 2000)
    now[2000:] += 0.5
    found = population_stability(old, now, periods=periods)
    ax = plot_stability(found)
    from matplotlib.colors import to_hex

    assert [bar.get_height() for bar in ax.patches] == found["psi"].tolist()
    assert [to_hex(bar.get_facecolor()) == RED for bar in ax.patches] == [False, True]
    frame = pd.DataFrame({f"f{k}": rng.normal(size=2000) for k in range(30)})
    drift = feature_drift(frame, frame.assign(f7=frame["f7"] + 1))
    ax = plot_drift(drift, most=5)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert len(names) == 5
    assert names[-1] == "f7"
    marks = dots(ax)
    assert np.isclose(marks[-1][1], drift["psi"].max())
    assert [shade == RED for *_, shade in marks] == [False] * 4 + [True]


def test_claims_stand_beside_rates_and_are_red_where_the_interval_leaves_them_out() -> None:
    rng = np.random.default_rng(9)
    p = np.tile(np.repeat([0.01, 0.05, 0.2], 2000), 2)
    truth = p * np.where(p == 0.2, 2, 1)
    y = (rng.random(len(p)) < truth).astype(float)
    grades = np.tile(np.repeat(list("ABC"), 2000), 2)
    periods = np.repeat(["2013Q1", "2013Q2"], 6000)
    every = realised_against_predicted(p, y, grades=grades).grades
    ax = plot_realised(every)
    assert [label.get_text()[0] for label in ax.get_xticklabels()] == ["A", "B", "C"]
    marks = sorted((x, y, shade) for y, x, shade in dots(ax, shades=(BLUE, RED)))
    assert np.allclose([y for _, y, _ in marks], every.loc[every["grade"] != "all", "rate"])
    told = every[every["grade"] != "all"]
    is_off = (told["mean_pd"] < told["low"]) | (told["mean_pd"] > told["high"])
    red = [shade == RED for *_, shade in marks]
    assert red == is_off.tolist()
    assert red[2]
    apart = realised_against_predicted(p, y, grades=grades, periods=periods).grades
    ax = plot_realised_over_time(apart)
    assert [label.get_text()[:6] for label in ax.get_xticklabels()] == ["2013Q1", "2013Q2"]
    assert plot_realised(apart, period="2013Q2").get_ylim()[0] == 0


SHIFTS = pd.DataFrame({
    "period": ["2013Q1", "2013Q2"], "feature": ["sales", "visits"], "psi": [0.01, 0.2],
    "critical": [0.03, 0.03], "is_shifted": [False, True]})  # fmt: skip
CLAIMS = pd.DataFrame({
    "period": ["all"] * 3, "grade": ["A", "B", "all"], "rows": [100, 50, 150],
    "mean_pd": [0.01, 0.05, 0.02], "rate": [0.01, 0.2, 0.07], "low": [0.0, 0.1, 0.04],
    "high": [0.04, 0.3, 0.12]})  # fmt: skip
ROLLS = pd.DataFrame({
    "before": ["0", "0"], "after": ["0", "1-30"], "loans": [9, 1], "rate": [0.9, 0.1],
    "rate_of_balance": [0.8, 0.2]})  # fmt: skip
DRAWINGS = {
    "vintages": (plot_vintages, curves(2)),
    "roll rates": (plot_roll_rates, ROLLS),
    "population": (plot_stability, SHIFTS),
    "drift": (plot_drift, SHIFTS),
    "realised": (plot_realised, CLAIMS),
    "realised over time": (plot_realised_over_time, CLAIMS),
}
NUMBERS = {
    "vintages": ("months_on_book", "rate", "rate_low", "rate_high"),
    "roll rates": ("loans", "rate"),
    "population": ("psi", "critical"),
    "drift": ("psi", "critical"),
    "realised": ("rows", "mean_pd", "rate", "low", "high"),
    "realised over time": ("rows", "mean_pd", "rate", "low", "high"),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_axes_that_are_given_are_drawn_on_and_given_back(name) -> None:
    from matplotlib.figure import Figure

    plot, frame = DRAWINGS[name]
    left, right = Figure().subplots(1, 2)
    before = frame.copy()
    assert plot(frame, ax=left) is left
    assert left.has_data()
    assert not right.has_data()
    assert left.figure is right.figure
    pd.testing.assert_frame_equal(frame, before)
    alone = plot(frame)
    assert alone.figure is not left.figure
    assert alone.figure.get_figwidth() == 7


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_frame_that_says_a_thing_twice_is_refused_and_nothing_is_drawn(name) -> None:
    from matplotlib.figure import Figure

    plot, frame = DRAWINGS[name]
    ax = Figure().subplots()
    with pytest.raises(InputError, match=r"once; found .* again"):
        plot(pd.concat([frame, frame]), ax=ax)
    for column in NUMBERS[name]:
        with pytest.raises(InputError, match=f"each column once; found '{column}' again"):
            plot(pd.concat([frame, frame[[column]]], axis=1), ax=ax)
    assert not ax.has_data()


@pytest.mark.parametrize("kind", [str, bool, complex, object])
@pytest.mark.parametrize("name", NUMBERS)
def test_only_numbers_are_drawn_as_numbers(name, kind) -> None:
    plot, frame = DRAWINGS[name]
    for column in NUMBERS[name]:
        with pytest.raises(InputError) as caught:
            plot(frame.astype({column: kind}))
        assert f"[{column!r}] must hold numbers" in str(caught.value)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_may_lack_are_drawn_where_they_are_known(name) -> None:
    plot, frame = DRAWINGS[name]
    for column in NUMBERS[name]:
        lacking = frame.astype({column: "Float64"})
        lacking.loc[0, column] = pd.NA
        if column in ("months_on_book", "loans", "rows"):
            with pytest.raises(InputError, match=f"{column}.* must be known in each row"):
                plot(lacking)
        else:
            assert plot(lacking).has_data()


@pytest.mark.parametrize(
    "told", [[np.nan, True], ["False", "True"], [0, 1], [None, False], pd.array([pd.NA, True])]
)
def test_nothing_is_red_but_what_is_said_to_be_shifted(told) -> None:
    for plot in (plot_stability, plot_drift):
        with pytest.raises(InputError, match=r"\['is_shifted'\] must be true or false"):
            plot(SHIFTS.assign(is_shifted=told))
    ax = plot_stability(SHIFTS.astype({"is_shifted": "boolean"}))
    from matplotlib.colors import to_hex

    assert [to_hex(bar.get_facecolor()) == RED for bar in ax.patches] == [False, True]


def test_what_cannot_be_drawn_is_refused_with_what_lacks() -> None:
    frame = curves(2)
    for call, match in (
        (lambda: plot_vintages(frame.drop(columns="rate_low")), "rate_low"),
        (lambda: plot_vintages(frame[:0]), "curves must have at least one row"),
        (lambda: plot_vintages([1, 2]), "curves must be a frame"),
        (lambda: plot_vintages(frame, measure="amount"), "measure"),
        (lambda: plot_vintages(frame, ax=3), "ax must be matplotlib axes"),
        (lambda: plot_roll_rates(frame), "before"),
        (lambda: plot_stability(frame), "psi"),
        (lambda: plot_drift(frame, most=2.5), "most"),
        (lambda: plot_realised(frame), "mean_pd"),
        (lambda: plot_realised_over_time(frame), "mean_pd"),
    ):
        with pytest.raises(InputError, match=match):
            call()


def test_without_matplotlib_it_says_what_to_install(monkeypatch) -> None:
    for name in ("matplotlib", "matplotlib.axes", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(AlicreditError, match=r"alicredit\[report\]"):
        plot_vintages(curves(1))
