"""The record of a model: what it is for, what it was made from, and where its use ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from alicredit.checks import refuse, require_between

NOT_STATED = "not stated 未说明"
_RESTRICTED = "data_use "
_FEW = 50
"""Fewer defaults in a validation tell little (assumed)."""
_ASKED = {
    "population": "the shift of scores since training",
    "grades": "grades",
    "migration": "moves between grades",
    "challenger": "a challenger",
    "fairness": "groups",
}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What people state of a model; what is left out is shown as not stated.

    A model risk officer asks for it whatever the law is called (SR 11-7 of 2011 did, DOMAIN 5.4).

    Parameters
    ----------
    purpose : str, default ""
        What decisions it serves.
    data : str, default ""
        Where the records come from.
    exclusions : str, default ""
        Who was left out of training, and why.
    impact_assessment : str, default ""
        Id of the assessment of personal data (PIPL art. 55, DOMAIN 5.5).
    owner : str, default ""
        Who answers for it.
    limits : tuple of str, default ()
        Uses it was not made for.
    max_pd : float or None, default None
        The probability up to which its users approve, for the audit of fairness.

    Raises
    ------
    InputError
        If a text is none, or the cut is not from 0 to 1.

    Examples
    --------
    >>> ModelCard(purpose="order loans of Taobao sellers", max_pd=0.05).max_pd
    0.05
    >>> ModelCard(max_pd=5)
    Traceback (most recent call last):
    alicredit.errors.InputError: max_pd must be a number from 0 to 1; found 5.
    """

    purpose: str = ""
    data: str = ""
    exclusions: str = ""
    impact_assessment: str = ""
    owner: str = ""
    limits: tuple[str, ...] = ()
    max_pd: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no text."""
        for name in ("purpose", "data", "exclusions", "impact_assessment", "owner"):
            if not isinstance(getattr(self, name), str):
                refuse(name, "must be text", type(getattr(self, name)).__name__)
        if not isinstance(self.limits, tuple) or not all(isinstance(x, str) for x in self.limits):
            refuse("limits", "must be a tuple of texts", type(self.limits).__name__)
        if self.max_pd is not None:
            require_between("max_pd", self.max_pd, 0, 1)


def lay_out_card(
    card: ModelCard, model: Any, facts: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay out the record of a model, and the limits of its use, as frames."""
    restricted = {
        name.removeprefix(_RESTRICTED): str(value)
        for name, value in facts.items()
        if name.startswith(_RESTRICTED)
    }
    counted = [(facts.get(name), name) for name in ("rows", "defaults", "merchants")]
    trained = ", ".join(f"{many:,} {name}" for many, name in counted if many is not None)
    rows = [
        ("purpose", "用途", card.purpose),
        ("owner", "负责人", card.owner),
        ("data", "数据来源", card.data),
        ("trained on", "训练样本", trained),
        ("period of training", "训练期间", _span(facts, "first_as_of", "last_as_of")),
        ("validated on", "验证样本",
         f"{facts['validated_rows']:,} rows, {facts['validated_defaults']:,} defaults"),
        ("period of validation", "验证期间", _span(facts, "validated_from", "validated_to")),
        ("horizon and level", "预测期与口径", facts["claim"]),
        ("learned from", "样本选择", str(facts.get("selection", ""))),
        ("exclusions", "排除范围", card.exclusions),
        ("restricted data, and legal basis", "受限数据及法律依据",
         "; ".join(f"{table}: {use}" for table, use in restricted.items())
         or "no use of restricted tables is written in the model's file"),
        ("impact assessment", "个人信息影响评估", card.impact_assessment),
        ("cut of approval", "批准上限",
         "" if card.max_pd is None else f"probability up to {card.max_pd:.2%}"),
        ("shape", "模型形式", f"{facts['shape']}, {len(model.tables)} inputs"),
        ("folds of calibration", "校准分折", str(facts.get("folds", ""))),
        ("model id", "模型编号", facts["model_id"]),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["item", "item_zh", "value"])
    frame["value"] = frame["value"].where(frame["value"] != "", NOT_STATED)
    return frame, _limits(card, facts, tables)


def _span(facts: Mapping[str, Any], first: str, last: str) -> str:
    """Say from when to when."""
    return f"{facts[first]} to {facts[last]}" if facts.get(first) else ""


def _limits(
    card: ModelCard, facts: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """List where the use of a model ends: as people state, and as the validation finds."""
    claimed = (
        f"The probability is of default within {facts['claim']}; it is no slice of another horizon."
    )
    learned = f"Learned from {facts.get('selection', 'rows of unknown choice')}."
    lines = [("stated", each) for each in card.limits]
    lines += [("claim", claimed), ("selection", learned)]
    lines += [
        ("tests", f"{row.test}: p = {row.p_value:.3f} ({row.note}).")
        for row in tables["tests"].itertuples()
        if row.is_off
    ]
    if "population" in tables and bool(tables["population"]["is_shifted"].any()):
        index = tables["population"]["psi"].max()
        lines.append(
            ("population", f"Scores moved since training beyond chance (PSI {index:.3f}).")
        )
    defaults = facts["validated_defaults"]
    if defaults < _FEW:
        text = f"{defaults} defaults in the validation: intervals are wide and tests find little."
        lines.append(("few defaults", text))
    for name, text in _ASKED.items():
        if name not in tables:
            lines.append(("not looked at", f"This validation did not look at {text}."))
    return pd.DataFrame(lines, columns=["of", "text"])
