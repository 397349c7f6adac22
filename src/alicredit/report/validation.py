"""The page of a validation: what a model claims, what happened, and where its use ends.

The order follows the ECB's instructions for reporting validations (2019, DOMAIN 5.3): what the
model is, discrimination, level, calibration, stability; then what is inside it, who is treated
how, and limits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from alicredit.pages import (
    Chart,
    Column,
    Part,
    both,
    draw,
    lay_out,
    share,
    words,
    write_page,
)
from alicredit.report.columns import (
    CHALLENGER,
    FAIRNESS,
    GRADES,
    MATRIX,
    MOVES,
    POPULATION,
    REASONS,
    RELIABILITY,
    SHAPES,
    STABILITY,
    SUMMARY,
    TESTS,
)
from alicredit.report.model_parts import pairs_part, points_part
from alicredit.report.summary import with_texts, written


def write_validation_page(report: Any, path: str | Path) -> None:
    """Write a validation as one self-contained page.

    Parameters
    ----------
    report : ValidationReport
        From ``validate_model``.
    path : str or Path
        The file to write.

    Raises
    ------
    AlicreditError
        If the extra ``[report]`` is not installed, or the file cannot be written.
    """
    facts = report.facts
    makers = (_card, _claim, _tests, _reliability, _grades, _stability, _moves, points_part,
              pairs_part, _reasons, _shapes, _fairness, _figures, _limits)  # fmt: skip
    parts = tuple(part for make in makers for part in make(report))
    foot = f"Model {facts['model_id']}. Trained on {facts['rows']:,} rows, folds: {facts['folds']}."
    first, last = facts.get("first_as_of"), facts.get("last_as_of")
    lead = f"Trained on loans of {first} to {last}." if first else "Trained on rows without dates."
    lead += f" Learned from: {facts.get('selection', 'not stated')}."
    title = "Validation of a default model"
    write_page(path, title, lead, parts, foot, title_zh="违约模型验证报告")


def _card(report: Any) -> tuple[Part, ...]:
    """Say what the model is."""
    tables = report.tables
    if "card" not in tables:
        return ()
    table = lay_out(tables["card"], (both("item", "item", "item_zh"), words("what", "value")))
    note = "What people state of the model, and what its file says of its training."
    return (Part("The model", note, "模型卡", tables=(table,)),)


def _claim(report: Any) -> tuple[Part, ...]:
    """Say whether the claim holds, in a few figures."""
    tables, facts = report.tables, report.facts
    note = (
        f"The model claims default within {facts['claim']}. Rows were not used in training; "
        f"intervals: {facts.get('intervals', '95 %')}."
    )
    return (Part("Does the claim hold?", note, "结论是否成立", _headline(tables["summary"])),)


def _tests(report: Any) -> tuple[Part, ...]:
    """Show the tests."""
    tables = report.tables
    if "tests" not in tables:
        return ()
    shown = tables["tests"].assign(light=_light(tables["tests"]["is_off"]))
    note = (
        "Each is amber where its chance is below 5 %: of five tests one is so in about every "
        "fifth validation of a right model. Rows of a merchant count as what they tell together."
    )
    return (Part("Tests of level, shape and ranking", note, "水平、形状与排序检验",
                 tables=(lay_out(shown, TESTS, is_prose=True),)),)  # fmt: skip


def _reliability(report: Any) -> tuple[Part, ...]:
    """Show claims against outcomes by tenth."""
    tables = report.tables
    from alicredit.plots import plot_reliability

    note = (
        "Dots are observed rates with 90 % intervals (Jeffreys, a merchant counted once); on "
        "the line claim and outcome agree. A small p-value says that the claim is too low."
    )
    frame = tables["reliability"]
    chart = draw(plot_reliability, frame, "Share that defaulted over the probability claimed.",
                 "实际违约率与预测违约概率。")  # fmt: skip
    return (Part("Claimed and observed default rate, by tenth of the probability", note,
                 "按预测概率十分位的校准", tables=(lay_out(frame, RELIABILITY),),
                 charts=(chart,)),)  # fmt: skip


def _grades(report: Any) -> tuple[Part, ...]:
    """Show claims against outcomes by grade."""
    tables = report.tables
    if "grades" not in tables:
        return ()
    from alicredit.plots import plot_realised

    frame = tables["grades"]
    drawn = frame[frame["rows"] > 0].assign(period="all")
    chart = draw(plot_realised, drawn, "Default rate of each grade beside its claim.",
                 "各等级实际违约率与预测。")  # fmt: skip
    note = (
        "Jeffreys' test of each grade, small where the claim is too low; beside it the rates for "
        "grades of few defaults: most prudent (Pluto and Tasche 2005) and Jeffreys' mean."
    )
    return (Part("By grade", note, "按等级", tables=(lay_out(frame, GRADES),), charts=(chart,)),)


def _stability(report: Any) -> tuple[Part, ...]:
    """Show claims and scores by month."""
    tables = report.tables
    from alicredit.plots import plot_realised_over_time, plot_stability

    frame = tables["stability"]
    charts: tuple[Chart, ...] = ()
    if len(frame) and {"low", "critical"} <= set(frame.columns):
        told = frame.rename(columns={"month": "period"}).assign(grade="all")
        charts = (
            draw(plot_realised_over_time, told, "Default rate of each month beside its claim.",
                 "各月实际违约率与预测。", is_half=True),
            draw(plot_stability, told, "Scores of each month against the first month's.",
                 "各月分数分布相对首月的变化。", is_half=True),
        )  # fmt: skip
    note = (
        "PSI compares each month's scores with the first month's (above 0.25: another "
        "population, by custom); its critical value is what chance exceeds once in twenty "
        "validations, with so many merchants."
    )
    held = [STABILITY] if "critical" in frame else [(*STABILITY[:5], STABILITY[-2])]
    return (Part("By month", note, "按月稳定性", tables=(lay_out(frame, *held),),
                 charts=charts),)  # fmt: skip


def _moves(report: Any) -> tuple[Part, ...]:
    """Show shifts since training, and moves between grades."""
    tables = report.tables
    if "population" not in tables:
        return ()
    shown = tables["population"].assign(light=_light(tables["population"]["is_shifted"]))
    held = [lay_out(shown, POPULATION)]
    if "migration" in tables:
        moved = tables["migration"]
        moved = moved[moved["merchants"] > 0].assign(loans=moved["merchants"], rate=moved["share"])
        held += [lay_out(tables["moves"], MOVES, caption="Merchants in both, between grades"),
                 lay_out(moved, MATRIX, caption="From grade to grade")]  # fmt: skip
    note = (
        "Scores now against those of the rows trained on; and merchants in both, each at its "
        "latest row. Bandwidths, concentration and z are the ECB's: a large z says that a far "
        "grade is fuller than the nearer one."
    )
    return (Part("Since training: PSI and migration", note, "训练以来：PSI 与等级迁移",
                 tables=tuple(held)),)  # fmt: skip


def _reasons(report: Any) -> tuple[Part, ...]:
    """Show how often each reason is given."""
    tables = report.tables
    frame = with_texts(tables["reasons"])
    rows = report.facts.get("validated_rows")
    asked: tuple[Column, ...] = REASONS
    if rows:
        frame = frame.assign(share=frame["rows"] / rows)
        asked = (*REASONS, share("of rows", "share"))
    return (Part("Reasons", "How often a code is among a row's reasons, and how often first.",
                 "评分理由", tables=(lay_out(frame, asked),)),)  # fmt: skip


def _shapes(report: Any) -> tuple[Part, ...]:
    """Show what plainness costs: shapes out of fold, and a challenger on the rows validated."""
    tables = report.tables
    held = []
    if "challenger" in tables:
        held.append(lay_out(tables["challenger"], CHALLENGER,
                            caption="On the rows validated"))  # fmt: skip
    if "shapes" in tables:
        held.append(lay_out(tables["shapes"], SHAPES, caption="Out of fold, in training"))
    if not held:
        return ()
    note = (
        "A points table adds up single inputs; trees may do anything. The gap is log loss beyond "
        "the model's (beyond the best shape's, out of fold), with a 95 % interval by merchant: "
        "where it holds 0, plainness costs nothing that these rows can show."
    )
    return (Part("Additive against challenger", note, "可加模型与挑战者", tables=tuple(held)),)


def _fairness(report: Any) -> tuple[Part, ...]:
    """Show how groups are treated."""
    tables = report.tables
    if "fairness" not in tables:
        return ()
    held = tuple(
        lay_out(mine, FAIRNESS, group="measure", caption=f"by {by}")
        for by, mine in tables["fairness"].groupby("by", sort=False)
    )
    note = (
        "Groups are the auditor's own and enter nowhere else. Ratios are to the reference, the "
        "first line; 0.8 of its approval rate is a rule of thumb of the US guidelines of 1978, no "
        "test."
    )
    return (Part("Fairness", note, "公平性", tables=held),)


def _figures(report: Any) -> tuple[Part, ...]:
    """Show all figures."""
    tables = report.tables
    return (Part("All figures", "With 95 % intervals where they have one.", "全部指标",
                 tables=(lay_out(tables["summary"], SUMMARY),)),)  # fmt: skip


def _limits(report: Any) -> tuple[Part, ...]:
    """Say where the use ends."""
    tables = report.tables
    if "limits" not in tables:
        return ()
    table = lay_out(tables["limits"], (words("of", "of"), words("limit", "text")))
    return (Part("Limits of use", "As people state, and as this validation found.", "使用限制",
                 tables=(table,)),)  # fmt: skip


def _light(is_off: pd.Series) -> list[str]:
    """Give amber where something is off."""
    return ["amber" if off else "green" for off in is_off]


def _headline(summary: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Give the figures a validation starts with, each with its interval."""
    rows = {row.metric: row for row in summary.itertuples()}

    def between(metric: str) -> str:
        low, high = (written(metric, each) for each in (rows[metric].low, rows[metric].high))
        return f" ({low} to {high})" if low else ""

    named = (
        ("AUC", "AUC"),
        ("default rate", "default rate"),
        ("mean probability", "mean probability claimed"),
        ("calibration slope", "calibration slope, 1 when right"),
        ("rows", "rows validated"),
        ("merchants", "merchants they are of"),
    )
    return tuple(
        (written(metric, rows[metric].value), text + between(metric)) for metric, text in named
    )
