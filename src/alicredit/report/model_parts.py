"""Parts of a validation's page that show what is inside a model: points of inputs and of pairs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from alicredit.pages import Chart, Part, draw, lay_out
from alicredit.report.columns import POINTS

_MOST_SHAPES = 12


def points_part(report: Any) -> tuple[Part, ...]:
    """Show the points of single inputs, as shapes and as tables."""
    tables = report.tables
    from alicredit.plots import plot_points

    card = tables["points"]
    charts: tuple[Chart, ...] = ()
    if not card["points"].isna().all():
        single = _single(card)
        spread = single.groupby("feature", sort=False)["points"].agg(lambda x: x.max() - x.min())
        names = spread[spread > 0].sort_values(ascending=False, kind="stable").index
        charts = tuple(
            draw(plot_points, single.assign(feature=single["feature"].astype(str)), str(name),
                 is_half=True, feature=str(name))
            for name in names[:_MOST_SHAPES]
        )  # fmt: skip
    table = lay_out(_steps(card), POINTS, group="title", code="feature")
    return (Part("The points", _say_points(card), "评分表", tables=(table,), charts=charts),)


def _single(card: pd.DataFrame) -> pd.DataFrame:
    """Take the steps of single inputs."""
    if "feature_2" not in card:
        return card
    return card[card["feature_2"].fillna("").astype(str) == ""]


def pairs_part(report: Any) -> tuple[Part, ...]:
    """Show pairs as heat maps."""
    tables = report.tables
    card = tables["points"]
    if "feature_2" not in card or card["points"].isna().all():
        return ()
    from alicredit.plots import plot_pairs

    held = card[card["feature_2"].fillna("").astype(str) != ""]
    names = list(dict.fromkeys(zip(held["feature"].astype(str), held["feature_2"].astype(str))))
    if not names:
        return ()
    charts = tuple(
        draw(plot_pairs, card, f"{one} and {two}", is_half=len(names) > 1, pair=(one, two))
        for one, two in names
    )
    note = "What two inputs are worth together, beside what each is worth alone; their figures "
    return (Part("Pairs of inputs", note + "stand in the table of points.", "成对特征",
                 charts=charts),)  # fmt: skip


def _say_points(card: pd.DataFrame) -> str:
    """Say what the points are, or that there are none by input."""
    shares = "Shares and default rates are those of the training rows."
    if card["points"].isna().all():
        return (
            "This model's score is the sum of trees over all inputs: no input has points of its "
            f"own; the reasons say what each did. {shares}"
        )
    return f"A score is the base and the sum of these points; more is safer. {shares}"


def _steps(card: pd.DataFrame) -> pd.DataFrame:
    """Name each input, with its unit, and each step of the scorecard; of pairs both."""
    steps = [row.category or _step(row.lower, row.upper) for row in card.itertuples()]
    named = zip(card["title"], card["unit"], strict=True)
    titles = [f"{title} ({unit})" if unit else title for title, unit in named]
    if "feature_2" in card:
        for at, row in enumerate(card.itertuples()):
            if row.feature_2:
                second = row.category_2 or _step(row.lower_2, row.upper_2)
                steps[at] = f"{steps[at]}; {second}"
                titles[at] = f"{row.title} and {row.title_2}, together"
    return card.assign(step=steps, title=titles)


def _step(lower: float, upper: float) -> str:
    """Say which values a step holds."""
    parts = []
    if lower != float("-inf"):
        parts.append(f"above {_bound(lower)}")
    if upper != float("inf"):
        parts.append(f"up to {_bound(upper)}")
    return " ".join(parts) or "any value"


def _bound(value: float) -> str:
    """Write a bound of a step, a large one without exponent."""
    return f"{value:,.0f}" if abs(value) >= 1e6 else f"{value:,.6g}"
