"""The model that is deployed: tables of whole points, and nothing but NumPy to add them up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import nearest, refusal
from alicredit.errors import InputError
from alicredit.portable.contract import (
    check_columns,
    is_missing,
    read_column,
    read_value,
    take_columns,
)
from alicredit.portable.tables import Claim, PointTable, card_lines
from alicredit.score import PointScale
from alicredit.vocabulary import STATUSES, reason_word

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

MOST_MISSING = 0.75
"""A row with a larger share of missing inputs is not scored (assumed)."""

_STATUS = ("ok", "bad_type", "bad_value", "too_many_missing")


@dataclass(frozen=True)
class ScoreModel:
    """A points model: the score is ``base`` plus the sum of table points; its PD is stored.

    Made by ``DefaultModel.fit`` and by :func:`load_model`.

    Parameters
    ----------
    tables : tuple of PointTable
        One per input.
    base : int
        Points everybody has.
    scale : PointScale
        What the points mean.
    first_score : int
        The score of the first entry of ``pds``.
    pds, lowers, uppers : tuple of float
        Probability of default, and its 90 % interval, of each whole score from ``first_score``.
    claim : Claim
        Horizon and level of the probability.
    training : mapping
        Facts of training: rows, defaults, dates, folds.
    catalogue_digest : str
        Of the features it was trained on; empty where unknown.
    model_id : str
        Digest of all of the above.
    """

    tables: tuple[PointTable, ...]
    base: int
    scale: PointScale
    first_score: int
    pds: tuple[float, ...]
    lowers: tuple[float, ...]
    uppers: tuple[float, ...]
    claim: Claim
    training: Mapping[str, Any]
    catalogue_digest: str
    model_id: str

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Give the names of the inputs."""
        return tuple(table.name for table in self.tables)

    @property
    def features(self) -> tuple[PointTable, ...]:
        """Give the contract of each input."""
        return self.tables

    def __repr__(self) -> str:
        """Say how many inputs, what is claimed and the id."""
        return f"ScoreModel({len(self.tables)} inputs; {self.claim}; {self.model_id[:12]})"

    def predict_score(self, X: Any) -> Whole:
        """Give whole points of rows that are all within the contract; InputError otherwise."""
        columns, status = self._checked(X)
        self._refuse_bad_rows(status)
        return self._scores(columns, len(status))[0]

    def predict_proba(self, X: Any) -> Floats:
        """Give the probabilities of no default and of default, shape (rows, 2)."""
        p = np.array(self.pds)[self.predict_score(X) - self.first_score]
        return np.column_stack([1 - p, p])

    def score_frame(self, X: Any, *, reasons: int = 4) -> pd.DataFrame:
        """Score each row, or say in ``status`` why not; one bad row never stops the others.

        Gives ``status, pd, pd_lower, pd_upper, score, reasons``, in the order and with the index
        of ``X``. Raises InputError only where a whole column lacks or is repeated.
        """
        import pandas as pd

        columns, status = self._checked(X)
        ok = status == 0
        scores, parts = self._scores(columns, len(status))
        at = np.where(ok, scores - self.first_score, 0)
        found = {
            name: np.where(ok, np.array(values)[at], np.nan)
            for name, values in (
                ("pd", self.pds),
                ("pd_lower", self.lowers),
                ("pd_upper", self.uppers),
            )
        }
        codes = self._reason_codes(parts, ok, reasons)
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(
            {
                "status": [_STATUS[each] for each in status],
                **found,
                "score": pd.array(scores, dtype="Int64").copy(),
                "reasons": codes,
            },
            index=index,
        ).assign(score=lambda frame: frame["score"].mask(~ok))

    def score_one(self, values: Mapping[str, Any], *, reasons: int = 4) -> dict[str, Any]:
        """Score one applicant: the same keys and the very same values as ``score_frame``."""
        row, status = [], "ok"
        for table in self.tables:
            if table.name not in values:
                rule = f"must have {table.name!r}"
                raise InputError(refusal("values", rule, nearest(table.name, map(str, values))))
            value, word = read_value(table, values[table.name])
            row.append(value)
            status = word if status == "ok" else status
        missing = sum(value is None for value in row)
        if status == "ok" and missing > MOST_MISSING * len(row):
            status = "too_many_missing"
        empty: dict[str, Any] = {"pd": math.nan, "pd_lower": math.nan, "pd_upper": math.nan}
        if status != "ok":
            return {"status": status, **empty, "score": None, "reasons": []}
        points = [table.look_up_one(value) for table, value in zip(self.tables, row, strict=True)]
        score = self.base + sum(points)
        at = score - self.first_score
        return {
            "status": "ok",
            "pd": self.pds[at],
            "pd_lower": self.lowers[at],
            "pd_upper": self.uppers[at],
            "score": score,
            "reasons": self._reasons_of(points)[:reasons],
        }

    def explain(self, X: Any, top: int = 4) -> pd.DataFrame:
        """Give the exact parts of each score that hurt most, against the training median.

        One line per row and reason: ``row, rank, feature, code, value, points_lost, against, text,
        text_zh``; features of one code stand together under the one that costs most. A row that
        loses nothing against the median is held against the best points each input can have:
        ``against`` says which, ``"median"`` or ``"best"``.
        """
        import pandas as pd

        columns, status = self._checked(X)
        self._refuse_bad_rows(status)
        _, parts = self._scores(columns, len(status))
        codes = np.array([table.reason for table in self.tables], dtype=object)
        lines = []
        for row, points in enumerate(parts.tolist()):
            lost, against = self._lost(points)
            for rank, code in enumerate(_ranked(codes, lost)[:top], start=1):
                mine = np.where(codes == code, lost, 0)
                table, word = self.tables[int(np.argmax(mine))], reason_word(code)
                value = columns[table.name][row]
                line = (row, rank, table.name, code, value, int(mine.sum()), against)
                lines.append((*line, word.text, word.text_zh))
        names = ["row", "rank", "feature", "code", "value", "points_lost", "against", "text"]
        return pd.DataFrame(lines, columns=[*names, "text_zh"])

    def scorecard(self) -> pd.DataFrame:
        """Lay out the points table: bounds or level, share, default rate, WoE, IV and points."""
        import pandas as pd

        lines = [line for table in self.tables for line in card_lines(table)]
        frame = pd.DataFrame(lines)
        bad, good = frame["defaults"], frame["rows"] - frame["defaults"]
        total = frame.groupby("feature", sort=False)[["rows", "defaults"]].transform("sum")
        all_good = total["rows"] - total["defaults"]
        odds = ((good + 0.5) / (all_good + 1)) / ((bad + 0.5) / (total["defaults"] + 1))
        frame["share"] = frame["rows"] / total["rows"].clip(lower=1)
        frame["default_rate"] = (bad / frame["rows"].where(frame["rows"] > 0)).astype(float)
        frame["woe"] = np.log(odds)
        difference = good / all_good.clip(lower=1) - bad / total["defaults"].clip(lower=1)
        frame["iv"] = frame["woe"] * difference
        return frame

    def save(self, path: str | Path) -> None:
        """Write the model as a file of plain data; see :func:`load_model`."""
        from alicredit.portable.file import write_model

        write_model(self, path)

    def check_frame(self, X: Any) -> None:
        """Check a whole input once before scoring: columns, sources, units.

        Raises InputError for a missing or repeated column, a column wholly of another type, one
        that is all missing though training had values, and a median 50 times off the training's:
        a sign of a wrong unit.
        """
        check_columns(self.tables, take_columns(X, self.feature_names))

    def _checked(self, X: Any) -> tuple[dict[str, Any], npt.NDArray[np.int8]]:
        """Bring columns to their kinds; give them with each row's status as a position."""
        raw = take_columns(X, self.feature_names)
        size = len(next(iter(raw.values()))) if raw else 0
        status = np.zeros(size, dtype=np.int8)
        missing = np.zeros(size, dtype=np.int64)
        columns: dict[str, Any] = {}
        for table in self.tables:
            values, wrong, bad = read_column(table, raw[table.name])
            columns[table.name] = values
            status[(status == 0) & wrong] = 1
            status[(status == 0) & bad] = 2
            missing += is_missing(values)
        status[(status == 0) & (missing > MOST_MISSING * len(self.tables))] = 3
        return columns, status

    def _scores(self, columns: Mapping[str, Any], rows: int) -> tuple[Whole, Whole]:
        """Add up points; give the scores and the points of each input."""
        parts = np.empty((rows, len(self.tables)), dtype=np.int64)
        for at, table in enumerate(self.tables):
            parts[:, at] = table.look_up(columns[table.name])
        return self.base + parts.sum(axis=1), parts

    def _refuse_bad_rows(self, status: npt.NDArray[np.int8]) -> None:
        """Raise when any row is outside the contract."""
        bad = np.flatnonzero(status)
        if len(bad):
            word = STATUSES[_STATUS[status[bad[0]]]].text
            rule = "must have only rows within the model's contract"
            found = f"{len(bad)} others, the first at position {bad[0]}: {word}"
            raise InputError(refusal("X", rule, found, "use score_frame, which marks them"))

    def _lost(self, points: Sequence[int]) -> tuple[list[int], str]:
        """Give what each input costs against the median, or where no code does against the best."""
        pairs = list(zip(self.tables, points, strict=True))
        lost = [table.reference - each for table, each in pairs]
        if _ranked([table.reason for table in self.tables], lost):
            return lost, "median"
        return [table.best - each for table, each in pairs], "best"

    def _reasons_of(self, points: Sequence[int]) -> list[str]:
        """Rank the codes by the points they cost; only those that do."""
        return _ranked([table.reason for table in self.tables], self._lost(points)[0])

    def _reason_codes(self, parts: Whole, ok: npt.NDArray[np.bool_], top: int) -> list[list[str]]:
        """Rank the codes of all rows at once; as ``_reasons_of`` does for one."""
        codes = sorted({table.reason for table in self.tables})
        member = np.array([[table.reason == c for c in codes] for table in self.tables], np.int64)
        reference, best = (
            np.array(each, dtype=np.int64)
            for each in zip(*((table.reference, table.best) for table in self.tables), strict=True)
        )
        lost = (reference - parts) @ member
        is_behind = (lost > 0).any(axis=1)
        lost[~is_behind] = (best - parts[~is_behind]) @ member
        order = np.argsort(-lost, axis=1, kind="stable")[:, :top]
        ranked = np.take_along_axis(lost, order, axis=1)
        return [
            [codes[c] for c, v in zip(cs, vs, strict=True) if v > 0] if good else []
            for cs, vs, good in zip(order.tolist(), ranked.tolist(), ok.tolist(), strict=True)
        ]


def _ranked(codes: Iterable[str], lost: Iterable[int]) -> list[str]:
    """Sum what inputs cost by code; give the codes that cost anything, dearest first."""
    total: dict[str, int] = {}
    for code, points in zip(codes, lost, strict=True):
        total[code] = total.get(code, 0) + points
    return [c for c, v in sorted(total.items(), key=lambda item: (-item[1], item[0])) if v > 0]
