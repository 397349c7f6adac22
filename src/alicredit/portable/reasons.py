"""Why a score is what it is: exact parts against a stated reference, ranked by reason code."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.portable.contract import values_of
from alicredit.portable.pairs import PairTable
from alicredit.portable.ranking import lists_of, ranked
from alicredit.portable.shapley import WHOLE, tree_shares
from alicredit.portable.specials import blanked_one, blanked_rows
from alicredit.portable.sums import gone_of
from alicredit.portable.tables import PointTable
from alicredit.portable.trees import TreeTable
from alicredit.vocabulary import reason_word

if TYPE_CHECKING:
    import pandas as pd

    from alicredit.portable.model import ScoreModel

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_ROWS = 2**14
"""Rows whose reasons are worked out at once (assumed)."""


@dataclass(frozen=True, eq=False)
class Account:
    """What each input costs a row against one reference, in whole counts.

    Parameters
    ----------
    against : str
        ``"median"`` (the median of training by table), ``"best"`` (the most points each table can
        give), ``"references"`` (the mean over the stored rows) or ``"best reference"`` (the stored
        row of the highest score).
    reference : float
        The reference's score, in points.
    per_point : int
        Counts that make a point.
    lost : callable
        Counts lost by encoded rows, shape (rows, inputs); they sum to the distance from the
        reference.
    """

    against: str
    reference: float
    per_point: int
    lost: Callable[[Floats], Whole]

    def points(self, counts: int) -> float:
        """Turn counts into points; whole where a point is one count."""
        return counts if self.per_point == 1 else counts / self.per_point


def accounts_of(model: ScoreModel) -> tuple[Account, Account]:
    """Give a model's first account, and the one for rows that lose nothing by the first."""
    if model.trees is None:
        return _table_account(model, "median"), _table_account(model, "best")
    rows = np.array(model.trees.reference, dtype=np.float64)
    best = int(np.argmax(model.scores_of(rows)))
    return (
        _tree_account(model, model.trees, rows, "references"),
        _tree_account(model, model.trees, rows[best : best + 1], "best reference"),
    )


def _table_account(model: ScoreModel, against: str) -> Account:
    """Hold table entries against those of the reference; pairs are shared in halves."""

    def goal(table: PointTable | PairTable) -> int:
        return table.reference if against == "median" else table.best

    goals = np.array([goal(table) for table in model.tables], dtype=np.int64)
    place = model.places

    def lost(rows: Floats) -> Whole:
        found = goals - model.parts_of(rows)
        rows = blanked_rows(model.codes, rows)
        for pair in model.pairs:
            first, second = place[pair.first], place[pair.second]
            whole = goal(pair) - pair.look_up(rows[:, first], rows[:, second])
            half = np.sign(whole) * (np.abs(whole) // 2)
            found[:, first] += whole - half
            found[:, second] += half
        return found

    total = model.base + int(goals.sum()) + sum(goal(pair) for pair in model.pairs)
    return Account(against, total / model.unit, model.unit, lost)


def _tree_account(model: ScoreModel, trees: TreeTable, rows: Floats, against: str) -> Account:
    """Hold rows against reference rows by Shapley values; prepared when first asked for."""
    shares: list[Callable[[Floats], Whole]] = []

    def lost(asked: Floats) -> Whole:
        if not shares:
            shares.append(tree_shares(trees, rows).of)
        return -shares[0](blanked_rows(model.codes, asked))

    mean = float(model.scores_of(rows).mean()) / model.unit
    return Account(against, mean, WHOLE * len(rows) * model.unit, lost)


@dataclass(frozen=True, eq=False)
class _Held:
    """Rows held each against the account that shows a loss: costs by input and by code."""

    lost: Whole
    by_code: Whole
    is_ahead: Flags

    def ranks(self, top: int) -> tuple[Whole, Whole]:
        """Give the codes that cost most, dearest first, and what they cost."""
        return ranked(self.by_code, top)


def codes_of(model: ScoreModel) -> list[str]:
    """Give the reason codes of a model's inputs, in order."""
    return sorted({table.reason for table in model.tables})


def _hold(model: ScoreModel, rows: Floats) -> _Held:
    """Hold rows against the first account; those that no code costs anything against the second."""
    first, second = model.accounts
    lost = first.lost(rows)
    by_code = _by_code(model, lost)
    is_ahead: Flags = np.asarray(by_code.max(axis=1) <= 0)
    if is_ahead.any():
        lost[is_ahead] = second.lost(rows[is_ahead])
        by_code[is_ahead] = _by_code(model, lost[is_ahead])
    return _Held(lost, by_code, is_ahead)


def _by_code(model: ScoreModel, lost: Whole) -> Whole:
    """Sum what inputs cost by reason code, shape (rows, codes)."""
    line = {code: at for at, code in enumerate(codes_of(model))}
    found = np.zeros((len(line), len(lost)), dtype=np.int64)
    for table, each in zip(model.tables, lost.T, strict=True):
        found[line[table.reason]] += each
    return found.T


def reasons_of(
    model: ScoreModel, ranks: Sequence[npt.NDArray[Any]], columns: Sequence[Floats], top: int
) -> list[list[str]]:
    """Rank the codes of a block of rows by what they cost, only those that do."""
    rows = len(columns[0])
    if model.ranking is not None:
        return model.ranking.reasons(ranks, rows, top)
    order, costs = _hold(model, np.array(columns).T).ranks(top)
    codes = np.array(codes_of(model), dtype=object)
    return lists_of(codes, order, (costs > 0).sum(axis=1))


def explain_rows(
    model: ScoreModel, columns: Mapping[str, Any], rows: Floats, top: int
) -> pd.DataFrame:
    """Lay out the codes that cost encoded rows most; see ``ScoreModel.explain``.

    ``columns`` are the inputs as they were given, of which texts are shown.
    """
    import pandas as pd

    names = ("row", "rank", "feature", "code", "value", "points_lost", "against", "text")
    codes = codes_of(model)
    members = {
        code: [at for at, table in enumerate(model.tables) if table.reason == code]
        for code in codes
    }
    texts = {each.name: values_of(columns[each.name]) for each in model.tables
             if each.kind == "category"}  # fmt: skip
    lines: list[tuple[object, ...]] = []
    for start in range(0, len(rows), _ROWS):
        held = _hold(model, rows[start : start + _ROWS])
        for row, (order, costs) in enumerate(zip(*held.ranks(max(top, 0)), strict=True)):
            account = model.accounts[int(held.is_ahead[row])]
            for rank, (code, cost) in enumerate(zip(order, costs.tolist(), strict=True), start=1):
                if cost <= 0:
                    break
                at = max(members[codes[code]], key=lambda k: int(held.lost[row, k]))
                name, texts_of_code = model.tables[at].name, said_by(model, codes[code])
                value: Any = rows[start + row, at]
                if name in texts:
                    value = None if math.isnan(value) else texts[name][start + row]
                points = account.points(cost)
                line = (start + row, rank, name, codes[code], value, points, account.against)
                lines.append((*line, *texts_of_code))
    return pd.DataFrame(lines, columns=[*names, "text_zh"])


def said_by(model: ScoreModel, code: str) -> tuple[str, str]:
    """Give what a code of a model says, in both languages; one of a single input has its title."""
    word = reason_word(code)
    family, _, name = code.partition(":")
    table = next((each for each in model.tables if name and each.name == name), None)
    if table is None or table.title == name:
        return word.text, word.text_zh
    family_word = reason_word(family)
    return f"{family_word.text}: {table.title}", f"{family_word.text_zh}：{table.title_zh}"


def reasons_of_one(model: ScoreModel, row: Sequence[float], top: int) -> list[str]:
    """Rank the codes of one encoded row; for tables with the standard library alone."""
    if top < 1:
        return []
    if model.trees is not None:
        columns = list(np.array([row], dtype=np.float64).T)
        ranks = model.adder.plan.ranks(columns, list(map(gone_of, columns)))
        return reasons_of(model, ranks, columns, top)[0]
    ranked = _rank_one(model.tables, _lost_by_one(model, row, "reference"))
    return (ranked or _rank_one(model.tables, _lost_by_one(model, row, "best")))[:top]


def _lost_by_one(model: ScoreModel, row: Sequence[float], goal: str) -> list[int]:
    """Give what one row's inputs cost against the tables' ``reference`` or ``best``."""
    lost = [
        getattr(table, goal) - table.point_at(value)
        for table, value in zip(model.tables, row, strict=True)
    ]
    row = blanked_one(model.codes, row)
    for pair in model.pairs:
        first, second = model.places[pair.first], model.places[pair.second]
        whole = getattr(pair, goal) - pair.look_up_one(row[first], row[second])
        half = (abs(whole) // 2) * (1 if whole > 0 else -1)
        lost[first] += whole - half
        lost[second] += half
    return lost


def _rank_one(tables: Sequence[PointTable], lost: Iterable[int]) -> list[str]:
    """Sum what inputs cost by code; give the codes that cost anything, dearest first."""
    total: dict[str, int] = {}
    for table, counts in zip(tables, lost, strict=True):
        total[table.reason] = total.get(table.reason, 0) + counts
    return [c for c, v in sorted(total.items(), key=lambda item: (-item[1], item[0])) if v > 0]
