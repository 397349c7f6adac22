"""The model that is deployed: tables of whole units, and nothing but NumPy to add them up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alicredit.checks import nearest, refusal, require_kind, require_whole
from alicredit.errors import InputError, ModelFileError
from alicredit.portable.batch import StoredPds, score_rows, stored_pds_of
from alicredit.portable.blocks import read_rows, reader_of
from alicredit.portable.card import lay_out_card
from alicredit.portable.contract import (
    MOST_MISSING,
    ROW_STATUSES,
    flags_of_one,
    named,
    read_value,
    seen_range,
    take_columns,
)
from alicredit.portable.pairs import PairTable
from alicredit.portable.ranking import Ranking, ranking_of
from alicredit.portable.reasons import (
    Account,
    accounts_of,
    explain_rows,
    reasons_of_one,
)
from alicredit.portable.specials import Codes, blanked_one, codes_of_inputs
from alicredit.portable.sums import Adder, adder_of
from alicredit.portable.survey import judge, tally
from alicredit.portable.tables import Claim, PointTable
from alicredit.portable.trees import TreeTable
from alicredit.score import PointScale
from alicredit.vocabulary import STATUSES

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ScoreModel:
    """A model of one of three shapes: the score is ``base`` plus whole parts; its PD is stored.

    Everything is counted in whole units; ``unit`` of them are a point. The score is ``base`` plus
    the entry of each table, the entry of each pair and the leaf of each tree. Made by
    ``DefaultModel.fit`` and by :func:`load_model`.

    Parameters
    ----------
    tables : tuple of PointTable
        One per input.
    pairs : tuple of PairTable, default ()
        What two inputs add together.
    trees : TreeTable or None, default None
        Trees over all inputs.
    base : int
        Units everybody has.
    scale : PointScale
        What the points mean.
    unit : int, default 1
        Units that make a point: 1, or 1000 for pairs and trees.
    first_score : int
        The whole points of the first entry of ``pds``.
    pds, lowers, uppers : tuple of float
        Probability of default, and its 90 % interval, at each whole point from ``first_score``.
        Between two points all three run straight.
    claim : Claim
        Horizon and level of the probability.
    training : mapping
        Facts of training: rows, defaults, dates, folds.
    catalogue_digest : str
        Of the features it was trained on; empty where unknown.
    model_id : str
        Digest of all the rest.
    reasons : mapping of str to (str, str), default empty
        English and Chinese text of each reason code of the inputs, as trained.
    grades : tuple of (str, float), default ()
        Names of grades, best first, with the highest probability of each; see ``with_grades``.

    Examples
    --------
    >>> import pandas as pd
    >>> from alicredit.portable.file import sealed
    >>> debt = PointTable(
    ...     name="debt", kind="numeric", cuts=(1.0,), points=(20, -30), levels=(), missing_points=0,
    ...     reference=20, low=0.0, high=9.0, median=0.5, missing_share=0.0, direction=1,
    ...     code="SC_OTHER", title="Debt over sales", title_zh="负债与销售之比", unit="times",
    ...     sources=(), rows=(80, 20, 0), defaults=(2, 4, 0))
    >>> pds = tuple(0.2 - 0.001 * k for k in range(51))
    >>> model = sealed(ScoreModel(
    ...     tables=(debt,), base=600, scale=PointScale(), first_score=570, pds=pds, lowers=pds,
    ...     uppers=pds, claim=Claim(365, "borrower", 90), training={"rows": 100},
    ...     catalogue_digest="", model_id=""))
    >>> model.predict_score(pd.DataFrame({"debt": [0.5, 4.0]})).tolist()
    [620, 570]
    >>> answer = model.score_one({"debt": 4.0})
    >>> answer["score"], round(answer["pd"], 3), answer["reasons"]
    (570, 0.2, ['SC_OTHER:debt'])
    >>> model.score_one({"debt": float("inf")})["status"]
    'bad_value'
    >>> model.predict_score(pd.DataFrame({"debt": [float("inf")]}))
    Traceback (most recent call last):
    alicredit.errors.InputError: X must have only rows within the model's contract; found 1 ...
    """

    tables: tuple[PointTable, ...]
    pairs: tuple[PairTable, ...] = ()
    trees: TreeTable | None = None
    base: int
    scale: PointScale
    unit: int = 1
    first_score: int
    pds: tuple[float, ...]
    lowers: tuple[float, ...]
    uppers: tuple[float, ...]
    claim: Claim
    training: Mapping[str, Any]
    catalogue_digest: str
    model_id: str
    reasons: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    grades: tuple[tuple[str, float], ...] = ()

    @property
    def shape(self) -> str:
        """Give ``"points"``, ``"pairs"`` or ``"trees"``."""
        return "trees" if self.trees is not None else "pairs" if self.pairs else "points"

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Give the names of the inputs."""
        return tuple(table.name for table in self.tables)

    @cached_property
    def places(self) -> dict[str, int]:
        """Give the position of each input."""
        return {name: at for at, name in enumerate(self.feature_names)}

    @cached_property
    def seen_ranges(self) -> tuple[tuple[float, float], ...]:
        """Give the least and greatest encoded value of each input that training saw."""
        return tuple(map(seen_range, self.tables))

    @cached_property
    def codes(self) -> Codes:
        """Give the special codes by the position of their input."""
        return codes_of_inputs(self.tables)

    @cached_property
    def specials(self) -> dict[int, tuple[float, ...]]:
        """Give the same to be asked for by position."""
        return dict(self.codes)

    @cached_property
    def accounts(self) -> tuple[Account, Account]:
        """Give what reasons are measured against: see ``explain``."""
        return accounts_of(self)

    @cached_property
    def adder(self) -> Adder:
        """Give what adds up the parts of many rows at once."""
        return adder_of(self.base, self.tables, self.pairs, self.trees)

    @cached_property
    def stored_pds(self) -> StoredPds:
        """Give the stored probabilities, ready to be looked up."""
        return stored_pds_of(self.first_score, self.unit, (self.lowers, self.pds, self.uppers))

    @cached_property
    def ranking(self) -> Ranking | None:
        """Give what ranks the reasons of tables and pairs."""
        return ranking_of(self, self.adder.plan)

    def __getstate__(self) -> dict[str, Any]:
        """Give the fields, without what is worked out of them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def features(self) -> tuple[PointTable, ...]:
        """Give the contract of each input."""
        return self.tables

    def __repr__(self) -> str:
        """Say how many inputs, what is claimed and the id."""
        return f"ScoreModel({len(self.tables)} inputs; {self.claim}; {self.model_id[:12]})"

    def predict_score(self, X: Any) -> Whole:
        """Give scores, in whole units, of rows all within the contract.

        Parameters
        ----------
        X : pandas or polars frame
            The inputs by name, in any order; other columns are passed over.

        Returns
        -------
        int64 array, shape (rows,)
            Whole units, more being safer; ``unit`` of them are a point.

        Raises
        ------
        InputError
            If a column lacks or is repeated, or a row is outside the contract.
        """
        found = score_rows(self, reader_of(self.tables, X), top=None)
        self._refuse_bad_rows(found.status)
        return found.scores

    def predict_proba(self, X: Any) -> Floats:
        """Give the probabilities of no default and of default.

        Parameters
        ----------
        X : pandas or polars frame
            The inputs by name, in any order; other columns are passed over.

        Returns
        -------
        float64 array, shape (rows, 2)
            Each row sums to 1; the second is the probability that ``claim`` speaks of.

        Raises
        ------
        InputError
            As :meth:`predict_score`.
        """
        found = score_rows(self, reader_of(self.tables, X), top=None)
        self._refuse_bad_rows(found.status)
        p = found.pds[1]
        return np.column_stack([1 - p, p])

    def score_frame(self, X: Any, *, reasons: int = 4, flags: bool = True) -> pd.DataFrame:
        """Score each row, or say in ``status`` why not; one bad row never stops the others.

        ``flags`` names the inputs of a scored row whose value training did not see: a number
        outside its range (special codes are none), or a category's level that was not learned and
        is scored as others are.

        Parameters
        ----------
        X : pandas or polars frame
            The inputs by name, in any order; other columns are passed over.
        reasons : int, default 4
            Codes of a row, at most; 0 saves their cost.
        flags : bool, default True
            Whether there is a column ``flags``; without it its cost is saved.

        Returns
        -------
        pandas.DataFrame
            In the order and with the index of ``X``: ``status`` (``vocabulary.STATUSES``), ``pd,
            pd_lower, pd_upper`` (0 to 1, NaN where there is no score), ``score`` (Int64, whole
            units), ``reasons`` (list of codes, the dearest first) and ``flags`` (list of inputs).
            Rows that have none, and rows whose reasons were not asked for, hold one empty list
            together.

        Raises
        ------
        InputError
            Only where a whole column lacks or is repeated, or an option is none.
        """
        import pandas as pd

        require_whole("reasons", reasons, 0)
        require_kind("flags", flags, bool, "must be True or False")
        found = score_rows(self, reader_of(self.tables, X), top=reasons, flags=flags)
        lower, pd_, upper = found.pds
        return pd.DataFrame(
            {
                "status": pd.Series(ROW_STATUSES).array.take(found.status),
                "pd": pd_,
                "pd_lower": lower,
                "pd_upper": upper,
                "score": pd.arrays.IntegerArray(found.scores, found.status != 0),
                "reasons": found.reasons,
                **({"flags": found.flags} if flags else {}),
            },
            index=X.index if isinstance(X, pd.DataFrame) else None,
            copy=False,
        )

    def score_one(self, values: Mapping[str, Any], *, reasons: int = 4) -> dict[str, Any]:
        """Score one applicant: the same keys and the very same values as ``score_frame``.

        Parameters
        ----------
        values : mapping of str to value
            The inputs by name; None and NaN are missing.
        reasons : int, default 4
            Codes at most.

        Returns
        -------
        dict
            ``status, pd, pd_lower, pd_upper, score, reasons, flags``; where ``status`` is not
            ``"ok"`` the score is None and the probabilities are NaN.

        Raises
        ------
        InputError
            If ``values`` is no mapping, or an input lacks.
        """
        require_whole("reasons", reasons, 0)
        row, status = self.read_one(values)
        if status != "ok":
            empty = {"pd": math.nan, "pd_lower": math.nan, "pd_upper": math.nan}
            return {"status": status, **empty, "score": None, "reasons": [], "flags": []}
        score = self.score_of(row)
        lower, pd_, upper = self.probability(score)
        return {
            "status": "ok",
            "pd": pd_,
            "pd_lower": lower,
            "pd_upper": upper,
            "score": score,
            "reasons": reasons_of_one(self, row, reasons),
            "flags": flags_of_one(self.feature_names, self.seen_ranges, row, self.specials),
        }

    def read_one(self, values: Mapping[str, Any]) -> tuple[list[float], str]:
        """Encode one applicant's inputs and give the row's status."""
        if not hasattr(values, "keys"):
            rule = "must map inputs to values"
            raise InputError(refusal("values", rule, type(values).__name__))
        row, status = [], "ok"
        for table in self.tables:
            if table.name not in values:
                values = named(values)
            if table.name not in values:
                rule, do = f"must have {table.name!r}", nearest(table.name, map(str, values))
                raise InputError(refusal("values", rule, f"{len(values)} of other names", do))
            value = values[table.name]
            if type(value) is float and table.kind == "numeric" and math.isfinite(value):
                row.append(value)
                continue
            value, word = read_value(table, value)
            row.append(table.encode_one(value))
            status = word if status == "ok" else status
        if status == "ok" and sum(map(math.isnan, row)) > MOST_MISSING * len(row):
            status = "too_many_missing"
        return row, status

    def explain(self, X: Any, top: int = 4) -> pd.DataFrame:
        """Give the exact parts of each score that hurt most, against a stated reference.

        One line per row and reason: ``row, rank, feature, code, value, points_lost, against, text,
        text_zh``; features of one code stand together under the one that costs most.

        ``against`` says what a row is held against. For points and pairs ``"median"``: each
        table's entry against that of the median training row; what a pair costs is shared in
        halves, an odd unit going to its first input. For trees ``"references"``: exact
        (interventional) Shapley values against the reference rows stored in the file, the mean
        over them. A row that loses nothing by it is held against the ``"best"`` points that each
        table can give, or the ``"best reference"``, the stored row of the highest score.

        Parameters
        ----------
        X : pandas or polars frame
            The inputs by name, in any order; other columns are passed over.
        top : int, default 4
            Reasons of a row, at most.

        Returns
        -------
        pandas.DataFrame
            ``row`` (position in ``X``), ``rank`` (from 1), ``feature, code, value, points_lost``
            (points, above 0), ``against, text, text_zh``.

        Raises
        ------
        InputError
            As :meth:`predict_score`, or if ``top`` is no whole number.
        """
        require_whole("top", top, 0)
        rows, status = read_rows(self.tables, X)
        self._refuse_bad_rows(status)
        return explain_rows(self, take_columns(X, self.feature_names), rows, top)

    def parts(self, X: Any) -> pd.DataFrame:
        """Take each score apart: points of each input against the reference of ``explain``.

        One column an input, in the order and with the index of ``X``; a row's parts and the
        reference (``attrs["reference"]``, in points) sum to its score in points, but for the
        rounding of a double. ``attrs["against"]`` names the reference. A row that is not scored
        has NaN.

        Parameters
        ----------
        X : pandas or polars frame
            The inputs by name, in any order; other columns are passed over.

        Returns
        -------
        pandas.DataFrame
            float64, in points: above 0 where an input speaks for the row.

        Raises
        ------
        InputError
            If a column lacks or is repeated.
        """
        import pandas as pd

        rows, status = read_rows(self.tables, X)
        account = self.accounts[0]
        lost = account.lost(rows)
        values = np.where((status == 0)[:, None], -lost / account.per_point, np.nan)
        index = X.index if isinstance(X, pd.DataFrame) else None
        frame = pd.DataFrame(values, columns=self.feature_names, index=index)
        frame.attrs.update(against=account.against, reference=account.reference)
        return frame

    def scorecard(self) -> pd.DataFrame:
        """Lay out the tables: bounds or level, share, default rate, WoE, IV and points.

        Points are whole where the model's unit is a point, else thousandths of one. Counts, rates
        and what follows from them are those of the training rows as they were given, whatever they
        weighed: of a sample of the good ones, the sample's. With pairs each cell of a pair is a
        line too, ``feature_2, lower_2, upper_2, category_2`` naming its second input; counts and
        what follows from them are NaN there, and these columns are empty for a single input. A
        special code has a line of its own, ``category`` naming it as in ``"(special -999)"``. A
        model of trees has no points by input, which are NaN: see ``explain``.

        Returns
        -------
        pandas.DataFrame
            A row a step, level, special code and missing value of each input, then a row a cell of
            each pair.
        """
        return lay_out_card(self.tables, self.pairs, self.unit, has_trees=self.trees is not None)

    def save(self, path: str | Path) -> None:
        """Write the model as a file of plain data, whole or not at all; see :func:`load_model`.

        Parameters
        ----------
        path : str or Path
            In a folder that exists.

        Raises
        ------
        InputError
            Where the place cannot be written.
        """
        from alicredit.portable.file import write_model

        write_model(self, path)

    def to_sql(self, dialect: str = "duckdb", **options: Any) -> str:
        """Give the model as one SQL query over a table of features, for a dialect.

        Its scores are those of ``score_frame``. Needs the extra ``sql``.

        Parameters
        ----------
        dialect : str, default "duckdb"
            Of those that :func:`alicredit.exports.sql.to_sql` knows.
        **options : Any
            ``table``, ``key``, ``reasons``, ``flags`` and ``grades``, as there.

        Returns
        -------
        str
            One SELECT.

        Raises
        ------
        InputError
            As there, for an unknown dialect or option among others.
        """
        from alicredit.exports.sql import to_sql

        return to_sql(self, dialect, **options)

    def to_python(self, path: str | Path | None = None) -> str:
        """Give the model as one file of Python that needs the standard library alone.

        Its ``score(values, reasons=4)`` answers as ``score_one`` does, to the bit, row refusals
        too; it carries the inputs' contract, ``CLAIM``, ``MODEL_ID`` and ``reason_texts``, and
        ``python FILE < row.json`` scores a JSON object. Tables take microseconds a row, reasons of
        trees milliseconds.

        Parameters
        ----------
        path : str, Path or None, default None
            Where the file is written, too, whole or not at all.

        Returns
        -------
        str
            The file's text.

        Raises
        ------
        InputError
            Where the place cannot be written.
        ModelFileError
            Where the model contradicts itself.
        """
        from alicredit.exports.python_file import to_python

        return to_python(self, path)

    def to_paper(self, path: str | Path | None = None, *, language: str = "en") -> str:
        """Give the points table as a page to print, from which a person adds the score up.

        HTML that stands alone, in English or Chinese (``"zh"``): the start, each input's steps and
        points, the grids of pairs, probabilities at round scores and a worked example.

        Parameters
        ----------
        path : str, Path or None, default None
            Where the page is written, too.
        language : {"en", "zh"}, default "en"
            English or Chinese.

        Returns
        -------
        str
            The page.

        Raises
        ------
        InputError
            For trees, for another language, and where the place cannot be written.
        """
        from alicredit.exports.paper import to_paper

        return to_paper(self, path, language=language)

    def with_grades(self, grades: Any) -> ScoreModel:
        """Give the model with a master scale in its file, under an id of its own.

        Parameters
        ----------
        grades : object
            With ``names``, best first, and ``upper_pd``, the highest probability of each, rising
            to 1: the grades of a policy.

        Returns
        -------
        ScoreModel
            Another model, which scores alike.

        Raises
        ------
        InputError
            If ``grades`` has no names and bounds, or they do not rise up to 1.
        """
        from alicredit.portable.file import sealed

        names, highest = (getattr(grades, key, None) for key in ("names", "upper_pd"))
        if not names or not highest or len(names) != len(highest):
            rule = "must have names and upper_pd, one for each grade"
            raise InputError(refusal("grades", rule, type(grades).__name__))
        pairs = tuple((str(name), float(each)) for name, each in zip(names, highest, strict=True))
        try:
            return sealed(replace(self, grades=pairs))
        except ModelFileError as error:
            raise InputError(str(error)) from error

    def to_onnx(self, path: str | Path | None = None) -> bytes:
        """Give the model as an ONNX graph, the same bytes for the same model; write it, too.

        Needs the extra ``alicredit[onnx]``. Tested on onnxruntime 1.32; trees need a runtime with
        the ``TreeEnsemble`` of ai.onnx.ml 5 (newer than 1.20). Each input is a tensor under its own
        name, shape (N, 1): doubles for numbers and flags, NaN where missing; texts for categories,
        ``"(missing)"`` where missing. Outputs, shape (N,): ``status`` (0 ok, 2 bad_value, 3
        too_many_missing; a wrong type the runtime itself refuses), ``score`` in units (int64; the
        least int64 where status is not 0), ``points``, ``pd_lower``, ``pd``, ``pd_upper`` (doubles;
        NaN there). Reasons are not among them. The graph's properties carry ``model_id``, claim and
        the contract of the inputs. Rows in blocks of up to 65,536 save memory.

        Parameters
        ----------
        path : str, Path or None, default None
            Where the graph is written, too.

        Returns
        -------
        bytes
            The graph.

        Raises
        ------
        InputError
            For an input named as an output, a level ``"(missing)"`` or a place that cannot be
            written.
        """
        from alicredit.exports.onnx_graph import to_onnx

        return to_onnx(self, path)

    def check_frame(self, X: Any) -> None:
        """Check a whole input once before scoring: columns, sources, units.

        Parameters
        ----------
        X : pandas or polars frame
            The inputs by name, in any order; other columns are passed over.

        Raises
        ------
        InputError
            For a missing or repeated column, a column wholly of another type, one that is all
            missing though training had values, and a median 50 times off the training's: a sign
            of a wrong unit.
        """
        columns = take_columns(X, self.feature_names)
        judge(
            self.tables,
            {table.name: tally(table, columns[table.name]) for table in self.tables},
            lambda name: [columns[name]],
        )

    def scores_of(self, rows: Floats) -> Whole:
        """Give the scores, in whole units, of encoded rows."""
        return self.adder.of(rows)

    def score_of(self, row: Sequence[float]) -> int:
        """Give the score of one encoded row, with the standard library alone."""
        total = self.base + sum(t.point_at(x) for t, x in zip(self.tables, row, strict=True))
        place, row = self.places, blanked_one(self.codes, row)
        for pair in self.pairs:
            total += pair.look_up_one(row[place[pair.first]], row[place[pair.second]])
        return total if self.trees is None else total + self.trees.look_up_one(row)

    def probabilities(self, scores: Whole) -> tuple[Floats, Floats, Floats]:
        """Give lower bound, probability and upper bound at scores; NaN out of reach."""
        return self.stored_pds.at(scores)

    def probability(self, score: int) -> tuple[float, float, float]:
        """Give the same of one score, with the standard library alone."""
        at, rest = divmod(score - self.first_score * self.unit, self.unit)
        after, share = min(at + 1, len(self.pds) - 1), rest / self.unit
        lower, pd_, upper = (
            start[at] + (start[after] - start[at]) * share
            for start in (self.lowers, self.pds, self.uppers)
        )
        return min(lower, pd_), pd_, max(upper, pd_)

    def parts_of(self, rows: Floats) -> Whole:
        """Give the units of each input's own table, shape (rows, inputs)."""
        found = np.empty(rows.shape, dtype=np.int64)
        for at, table in enumerate(self.tables):
            found[:, at] = table.points_at(rows[:, at])
        return found

    def _refuse_bad_rows(self, status: npt.NDArray[np.int8]) -> None:
        """Raise when any row is outside the contract."""
        bad = np.flatnonzero(status)
        if len(bad):
            word = STATUSES[ROW_STATUSES[status[bad[0]]]].text
            rule = "must have only rows within the model's contract"
            found = f"{len(bad)} others, the first at position {bad[0]}: {word}"
            raise InputError(refusal("X", rule, found, "use score_frame, which marks them"))
