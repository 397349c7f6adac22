"""What drawings of a card and of a portfolio show is what the frames say, in any language."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from alicredit import plots
from alicredit.errors import InputError
from alicredit.plots import (
    plot_funnel,
    plot_limits,
    plot_pairs,
    plot_points,
    plot_profit,
    plot_reliability,
    plot_stability,
    stage,
)

RED, BLUE = "#d55e00", "#0072b2"
INF = np.inf
CARD = pd.DataFrame({
    "feature": ["late"] * 4 + ["kind"] * 3 + ["late"] * 4,
    "lower": [-INF, 3, 9, np.nan] + [np.nan] * 3 + [-INF, 3, -INF, 3],
    "upper": [3, 9, INF, np.nan] + [np.nan] * 3 + [3, INF, 3, INF],
    "category": ["", "", "", "(missing)", "tea", "$x$", "(other)"] + [""] * 4,
    "points": [12, 0, -34, -5, 3, -2, 1, 1.5, -7, 0, 2],
    "feature_2": [""] * 7 + ["sales"] * 4, "lower_2": [np.nan] * 7 + [-INF, -INF, 900, 900],
    "upper_2": [np.nan] * 7 + [900, 900, INF, INF], "category_2": "",
    "title": ["days late"] * 4 + ["kind of goods"] * 3 + ["days late"] * 4,
    "title_2": [""] * 7 + ["yearly sales"] * 4})  # fmt: skip
RELIABLE = pd.DataFrame({
    "bin": [1, 2, 3], "rows": 500, "mean_pd": [0.01, 0.1, 0.3], "rate": [0.012, 0.2, 0.2],
    "low": [0.005, 0.16, 0.15], "high": [0.02, 0.24, 0.25]})  # fmt: skip
FUNNEL = pd.DataFrame({
    "product_id": "p", "code": ["", "ELIG_REGION", "PD_ABOVE_CUT"],
    "text": ["asked about", "region", "risk"], "text_zh": ["全部", "地区", "风险"],
    "lost": [0, 60, 10], "left": [100, 40, 30]})  # fmt: skip
RNG = np.random.default_rng(2)
LINES = pd.DataFrame({
    "product_id": RNG.choice(["p", "q", "r"], 300), "grade": RNG.choice(list("ABC"), 300),
    "decision": RNG.choice(["approve", "decline"], 300), "limit": RNG.lognormal(9, 1, 300),
    "expected_profit": RNG.normal(100, 80, 300), "expected_loss": RNG.uniform(1, 50, 300),
})  # fmt: skip
GIVEN = LINES[LINES["decision"] == "approve"]
DRAWINGS = {
    "reliability": (plot_reliability, RELIABLE), "points": (plot_points, CARD),
    "pairs": (plot_pairs, CARD), "funnel": (plot_funnel, FUNNEL), "limits": (plot_limits, LINES),
    "profit": (plot_profit, LINES),
}  # fmt: skip


def bars(ax) -> list[tuple[float, float, str, str]]:
    """List bars: where they start, how long they are, their colour and hatch."""
    from matplotlib.colors import to_hex

    return [(b.get_x(), b.get_width(), to_hex(b.get_facecolor()), b.get_hatch() or "")
            for b in ax.patches]  # fmt: skip


def title(ax) -> str:
    return " ".join(ax.get_title(loc="left").split())


def test_steps_of_an_input_are_bars_of_their_points() -> None:
    ax = plot_points(CARD)
    assert [width for _, width, _, _ in bars(ax)] == [12, 0, -34, -5]
    assert [colour == RED for *_, colour, _ in bars(ax)] == [False, False, True, True]
    assert [hatch != "" for *_, hatch in bars(ax)] == [False, False, True, True]
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["up to 3", "3 to 9", "above 9", "missing"]
    assert [text.get_text() for text in ax.texts] == ["+12", "+0", "-34", "-5"]
    assert title(ax) == "days late moves the score by 46 points: worst above 9, best up to 3"
    other = plot_points(CARD, feature="kind")
    assert [label.get_text() for label in other.get_yticklabels()] == ["tea", "$x$", "(other)"]
    flat = CARD[CARD["feature"] == "kind"].assign(points=4)
    assert title(plot_points(flat)) == "kind of goods does not move the score"


def test_cells_of_a_pair_are_written_where_they_stand() -> None:
    ax = plot_pairs(CARD)
    told = {text.get_position(): text.get_text() for text in ax.texts}
    assert told == {(0, 0): "+1.5", (0, 1): "-7", (1, 0): "+0", (1, 1): "+2"}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["up to 3", "above 3"]
    assert "lowest -7 points at days late above 3, yearly sales up to 900" in title(ax)
    mesh = ax.collections[0]
    assert np.asarray(mesh.get_array()).tolist() == [[1.5, 0], [-7, 2]]
    assert mesh.norm.vmin == -mesh.norm.vmax == -7


def test_observed_rates_stand_over_claims_and_off_ones_are_diamonds() -> None:
    from matplotlib.collections import PathCollection
    from matplotlib.colors import to_hex

    ax = plot_reliability(RELIABLE)
    marks = [c for c in ax.collections if isinstance(c, PathCollection)]
    inside, outside = ([tuple(xy) for xy in mark.get_offsets()] for mark in marks)
    assert inside == [(0.01, 0.012)]
    assert outside == [(0.1, 0.2), (0.3, 0.2)]
    assert [to_hex(mark.get_facecolor()[0]) for mark in marks] == [BLUE, RED]
    shapes = [len(mark.get_paths()[0].vertices) for mark in marks]
    assert shapes[0] != shapes[1]
    assert title(ax) == (
        "In 1 of 3 groups the interval holds the claim; 1 defaulted more than claimed; 1 "
        "defaulted less than claimed"
    )
    assert ax.get_xlim() == ax.get_ylim()


def test_a_funnel_shows_who_is_left_and_who_is_lost() -> None:
    ax = plot_funnel(FUNNEL)
    drawn = bars(ax)
    assert [width for _, width, _, _ in drawn[:3]] == [100, 40, 30]
    assert [(start, width) for start, width, _, _ in drawn[3:]] == [(100, 0), (40, 60), (30, 10)]
    assert all(hatch for *_, hatch in drawn[3:])
    assert title(ax) == "p: 30 of 100 are approved (30%); most are lost at region (60)"
    assert [text.get_text() for text in ax.texts] == ["100", "40  (−60)", "30  (−10)"]


def test_limits_are_counted_once_each_whatever_their_product() -> None:
    ax = plot_limits(LINES)
    tall = sum(bar.get_height() for bar in ax.patches)
    assert tall == len(GIVEN)
    by_colour: dict[str, float] = {}
    for bar, (_, _, colour, _) in zip(ax.patches, bars(ax), strict=True):
        by_colour[colour] = by_colour.get(colour, 0) + bar.get_height()
    assert sorted(by_colour.values()) == sorted(GIVEN["product_id"].value_counts())
    assert {hatch for *_, hatch in bars(ax)} == {"", "///", "..."}
    edges = [bar.get_x() for bar in ax.patches] + [b.get_x() + b.get_width() for b in ax.patches]
    assert min(edges) < GIVEN["limit"].min()
    assert max(edges) > GIVEN["limit"].max()
    middle = GIVEN["limit"].median()
    assert ax.lines[0].get_xdata()[0] == pytest.approx(middle)
    assert f"Half of {len(GIVEN):,} approved lines are of up to {middle:,.0f} yuan" in title(ax)


@pytest.mark.parametrize("by", ["grade", "product_id"])
def test_profit_and_loss_are_sums_of_approved_lines(by) -> None:
    ax = plot_profit(LINES, by=by)
    sums = GIVEN.groupby(by)[["expected_profit", "expected_loss"]].sum()
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == pytest.approx([*sums["expected_profit"], *sums["expected_loss"]])
    total = sums["expected_profit"].sum()
    assert f"Expected profit is {total:,.0f} yuan a year" in title(ax)
    assert f"{sums['expected_profit'].idxmax()} earns most" in title(ax)


@pytest.mark.parametrize("name", DRAWINGS)
def test_axes_that_are_given_are_drawn_on_and_frames_stay_as_they_are(name) -> None:
    from matplotlib.figure import Figure

    plot, frame = DRAWINGS[name]
    left, right = Figure().subplots(1, 2)
    before = frame.copy()
    assert plot(frame, ax=left) is left
    assert not right.has_data()
    pd.testing.assert_frame_equal(frame, before)
    assert left.get_title(loc="left")
    with pytest.raises(InputError, match="ax must be matplotlib axes"):
        plot(frame, ax="here")


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_order_of_rows_says_nothing_of_sums(name) -> None:
    plot, frame = DRAWINGS[name]
    if name in ("limits", "profit"):
        mixed = frame.sample(frac=1, random_state=1)
        assert title(plot(mixed)) == title(plot(frame))


def test_without_a_chinese_font_it_is_english_and_the_log_says_so(monkeypatch, caplog) -> None:
    monkeypatch.setattr(stage, "chinese_font", lambda: None)
    for plot, frame in DRAWINGS.values():
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            ax = plot(frame, language="zh")
        assert title(ax) == title(plot(frame))
        assert "no font with Chinese letters" in caplog.text
        with pytest.raises(InputError, match="language must be one of"):
            plot(frame, language="fr")


def test_with_a_chinese_font_all_texts_are_chinese_and_may_use_it(monkeypatch) -> None:
    monkeypatch.setattr(stage, "chinese_font", lambda: "Some Song")
    for plot, frame in DRAWINGS.values():
        ax = plot(frame, language="zh")
        assert any("一" <= letter <= "鿿" for letter in title(ax))
        assert ax.title.get_fontfamily() == ["DejaVu Sans", "Some Song"]
        for text in (ax.get_xlabel(), ax.get_ylabel()):
            assert not text or text in ("sales", "yearly sales", "days late") or any(
                "一" <= letter <= "鿿" for letter in text
            )  # fmt: skip


def test_dollars_in_names_are_no_mathematics(tmp_path) -> None:
    ax = plot_points(CARD.assign(title="$\\frac{1$"), feature="kind")
    ax.figure.savefig(tmp_path / "p.svg")
    assert "$x$" in [label.get_text() for label in ax.get_yticklabels()]


def test_long_names_leave_room_for_what_is_drawn(tmp_path) -> None:
    import warnings

    long = "a very long name of something " * 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for plot, frame in (
            (plot_points, CARD.assign(category=long, title=long)),
            (plot_funnel, FUNNEL.assign(text=long)),
            (plot_stability, pd.DataFrame({"period": [f"{long}{k}" for k in range(9)], "psi": 0.1,
                                           "critical": 0.2, "is_shifted": False})),
        ):  # fmt: skip
            ax = plot(frame)
            ax.figure.savefig(tmp_path / "p.png")
            assert ax.get_position().width > 0.3


def test_what_cannot_be_drawn_is_refused_with_what_lacks() -> None:
    trees = CARD.assign(points=np.nan)
    single = CARD[CARD["feature_2"] == ""]
    for call, match in (
        (lambda: plot_points(CARD, feature="lat"), "Try: .*late"),
        (lambda: plot_points(trees), "points must have points of single inputs"),
        (lambda: plot_points(CARD[:0]), "at least one row"),
        (lambda: plot_points(CARD.drop(columns="upper")), "upper"),
        (lambda: plot_points([1]), "must be a frame"),
        (lambda: plot_points(CARD.astype({"points": str})), "must hold numbers"),
        (lambda: plot_pairs(single), "must hold a pair"),
        (lambda: plot_pairs(CARD, pair=("sales", "late")), "late and sales"),
        (lambda: plot_pairs(CARD.drop(columns="feature_2")), "feature_2"),
        (lambda: plot_reliability(RELIABLE.assign(bin=1)), "each bin once"),
        (lambda: plot_reliability(RELIABLE.drop(columns="low")), "low"),
        (lambda: plot_funnel(FUNNEL.assign(code="x")), "each code once"),
        (lambda: plot_funnel(FUNNEL.assign(lost=[0, None, 1])), "known in each row"),
        (lambda: plot_limits(LINES.assign(decision="decline")), "an approved line"),
        (lambda: plot_limits(LINES.assign(limit=0.0)), "above 0"),
        (lambda: plot_limits(LINES.assign(limit=np.inf)), "known in each row"),
        (lambda: plot_limits(LINES.drop(columns="decision")), "decision"),
        (lambda: plot_limits(pd.concat([LINES, LINES[["limit"]]], axis=1)), "column once"),
        (lambda: plot_profit(LINES, by="region"), "by must be one of"),
        (lambda: plot_profit(LINES.drop(columns="grade")), "grade"),
    ):
        with pytest.raises(InputError, match=match):
            call()


def test_every_drawing_is_listed_and_colours_are_okabe_and_itos() -> None:
    asked = ("reliability", "points", "pairs", "vintages", "roll_rates", "stability", "funnel",
             "limits", "profit")  # fmt: skip
    assert {f"plot_{name}" for name in asked} <= set(plots.__all__)
    published = {"#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"}
    assert {colour.lower() for colour in stage.SERIES} <= published
    assert len(set(stage.HATCHES)) == len(stage.SERIES)
