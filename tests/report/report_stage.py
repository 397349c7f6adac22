"""What the pages are tried on: whole reports of a small model, with any names."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from portable_stage import draw_rows, finish, make_model

import alicredit as ac
from alicredit.decision import Decision
from alicredit.evaluation import ModelCard
from alicredit.monitoring import MonitoringReport, monitor
from alicredit.report import (
    write_decision_page,
    write_monitoring_page,
    write_portfolio_page,
    write_validation_page,
)
from alicredit.vocabulary import reason_word

HOSTILE = '<script>window.broken=1</script>"><img src=x onerror=window.broken=1> $\\frac{1$ 销售'


@cache
def trained(name: str):
    """Make a model of pairs with an input so named, rows that it scores, and what became of them.

    Outcomes are drawn from the model's own probabilities: its claim holds.
    """
    rng = np.random.default_rng(5)
    drawn = make_model("pairs", 3)
    tables = [
        replace(
            t, points=tuple(80 * each for each in t.points), missing_points=80 * t.missing_points,
            reference=80 * t.reference,
            **({"name": name, "title": name} if t.name == "debt" else {}),
        )
        for t in drawn.tables
    ]  # fmt: skip
    pairs = tuple(
        replace(p, first=p.first.replace("debt", name), second=p.second.replace("debt", name))
        for p in drawn.pairs
    )
    model = finish(tables, unit=1000, base=540, pairs=pairs)
    X = draw_rows(drawn.feature_names, 3000, rng).rename(columns={"debt": name})
    X["kind"] = X["kind"].replace("z", "a")
    chance = model.score_frame(X)["pd"].fillna(0.5).to_numpy(float)
    y = pd.Series((rng.random(3000) < chance).astype(float))
    frame = pd.DataFrame(
        {"merchant_id": [f"secret-{k % 900}" for k in range(3000)],
         "as_of": pd.Timestamp("2013-01-05") + pd.to_timedelta(np.arange(3000) // 20, unit="D")}
    )  # fmt: skip
    return model, X, y, ac.Cohort.from_frame(frame)


@cache
def validation(name: str = "turnover") -> ac.ValidationReport:
    """Validate with everything beside it."""
    model, X, y, cohort = trained(name)
    return ac.validate_model(
        model, X[1500:], y[1500:], cohort=cohort[1500:], reference=X[:1500],
        reference_cohort=cohort[:1500], challenger=make_rival(name),
        policy=ac.load_policy("ali-2013"),
        groups={name: np.where(np.arange(1500) % 2, "north", name)},
        card=ModelCard(purpose=name, limits=(name,), max_pd=0.12),
    )  # fmt: skip


def make_rival(name: str):
    """Make another model of the same inputs, that knows nothing of the truth."""
    tables = [replace(t, name=name, title=name) if t.name == "debt" else t
              for t in make_model("points", 9).tables]  # fmt: skip
    return finish(tables, unit=1, base=540)


@cache
def watched(name: str = "turnover") -> MonitoringReport:
    """Watch the same model on rows that moved."""
    model, X, y, cohort = trained(name)
    now = X[1500:].assign(**{name: X[name][1500:].clip(lower=2)})
    return monitor(model, X[:1500], now, reference_cohort=cohort[:1500], cohort=cohort[1500:],
                   labels=y[1500:], policy="ali-2013")  # fmt: skip


def beside(name: str = "m") -> dict[str, pd.DataFrame]:
    """Make vintages, roll rates and warnings."""
    ages = np.arange(1, 7)
    curves = [
        pd.DataFrame({
            "vintage": pd.Timestamp("2012-01-01") + pd.DateOffset(months=3 * k),
            "months_on_book": ages, "loans": 100, "bad_loans": ages + k,
            "rate": (ages + k) / 100, "rate_low": ages / 200, "rate_high": (ages + k + 3) / 100,
            "rate_of_amount": ages / 150})
        for k in range(3)
    ]  # fmt: skip
    rolls = pd.DataFrame({
        "before": ["0", "0", "1-30", "1-30"], "after": ["0", "1-30", "0", "31-60"],
        "loans": [90, 10, 6, 4], "rate": [0.9, 0.1, 0.6, 0.4],
        "rate_of_balance": [0.8, 0.2, 0.5, 0.5]})  # fmt: skip
    warned = pd.DataFrame({
        "merchant_id": [f"secret-{name}"] * 3, "level": ["red", "amber", "green"],
        "action": ["pull_order_loan", "none", "none"],
        "fired": [("WARN_VIOLATION",), ("WARN_VIOLATION",), ()]})  # fmt: skip
    return {"vintages": pd.concat(curves), "roll_rates": rolls, "warnings": warned}


def portfolio(name: str = "p", size: int = 400) -> pd.DataFrame:
    """Make decisions of two products, of which one is so named."""
    rng = np.random.default_rng(3)
    fate = rng.choice(["approve", "decline", "refer"], size)
    reasons = {"approve": ["LIM_SALES"], "decline": ["ELIG_REGION", "PD_ABOVE_CUT", "SC_RATING"],
               "refer": ["REFER_SOURCES", "MISSING_DATA"]}  # fmt: skip
    is_given = fate == "approve"
    return pd.DataFrame(
        {"merchant_id": [f"secret-{k // 2}" for k in range(size)],
         "product_id": np.where(np.arange(size) % 2, "q", name),
         "as_of": pd.Timestamp("2013-05-01"), "status": "ok", "pd": rng.uniform(0.001, 0.1, size),
         "grade": rng.choice(list("ABC"), size), "decision": fate,
         "limit": np.where(is_given, rng.lognormal(10, 1, size).round(2), 0.0),
         "expected_loss": np.where(is_given, rng.uniform(1, 1000, size), 0.0),
         "expected_profit": np.where(is_given, rng.normal(300, 900, size), 0.0),
         "reasons": [reasons[each][k % 2 :] or reasons[each] for k, each in enumerate(fate)],
         "model_id": name, "policy_id": name, "prices_id": ""}
    )  # fmt: skip


@cache
def book():
    """Allocate a few offers."""
    offers = pd.DataFrame(
        {
            "merchant_id": ["a", "b", "c"],
            "product_id": "taobao_credit",
            "limit": 10_000.0,
            "minimum": 0.0,
            "expected_profit": [900.0, 800.0, 700.0],
            "expected_loss": 50.0,
            "mean_balance": 5000.0,
            "peak_balance": 8000.0,
            "region": "hunan",
            "category": "toys",
        }
    )
    from alicredit.allocation import BookRules

    rules = BookRules(outstanding=2_400_000_000 - 12_000)
    return ac.allocate(offers, ac.load_policy("ali-2013"), rules=rules)


def decided(name: str = "m", word: str = "decline") -> tuple[Decision, pd.DataFrame]:
    """Make one decision and what explains it."""
    codes = {"decline": ("ELIG_REGION", "PD_ABOVE_CUT", "SC_RATING"), "approve": ("LIM_SALES",),
             "refer": ("REFER_SOURCES",)}[word]  # fmt: skip
    made = Decision(
        name, "taobao_order", pd.Timestamp("2013-05-01"), "ok", 0.08, 0.05, 0.12, 540, "F", word,
        20_000.0 if word == "approve" else 0.0, 0.0005, "day", 0.0, 0.0, codes, "m" * 64, "p" * 64,
        "", "i" * 64,
    )  # fmt: skip
    told = pd.DataFrame({
        "kind": "limit" if word == "approve" else word, "code": codes,
        "text": [reason_word(code).text for code in codes],
        "text_zh": [reason_word(code).text_zh for code in codes],
        "value": [name, *[0.08] * (len(codes) - 1)], "threshold": name, "advice": name,
        "advice_zh": name})  # fmt: skip
    return made, told


PAGES = ("validation", "portfolio", "monitoring", "decision")


def write(page: str, path: Path, name: str = "turnover") -> Path:
    """Write one page of a name."""
    if page == "validation":
        write_validation_page(validation(name), path)
    elif page == "portfolio":
        write_portfolio_page(portfolio(name), path, title=name, note=name, allocation=book())
    elif page == "monitoring":
        write_monitoring_page(watched(name), path, title=name, beside=beside())
    else:
        made, told = decided(name)
        write_decision_page(made, path, explained=told)
    return path
