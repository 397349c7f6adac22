"""Learning a default model: rank in the plainest shape, then say how probable default is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from alicredit.checks import given_or, refusal, require_between
from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.evaluation.contradictions import listed
from alicredit.model.assemble import assemble
from alicredit.model.carried import Carried, read_carried
from alicredit.model.direction_evidence import weigh_directions
from alicredit.model.facts import training_facts
from alicredit.model.folds import make_folds, periods_of
from alicredit.model.inputs import (
    Inputs,
    as_frame,
    data_digest,
    order_by_content,
    read_inputs,
)
from alicredit.model.lawful import note_levels, require_lawful
from alicredit.model.leakage import note_telling
from alicredit.model.learner import TrainingSet, plain_algebra
from alicredit.model.learning import Plan, latest, learn_shape, repeats_of
from alicredit.model.outcomes import (
    read_claim,
    read_labels,
    read_weights,
    require_both_classes,
)
from alicredit.model.settings import (
    check_directions,
    check_rows,
    check_settings,
    check_specials,
    read_directions,
    read_specials,
)
from alicredit.model.shapes import choose_shape, shapes_of
from alicredit.model.steps import DEFAULTS_OF_A_PERIOD, MOST_PERIODS
from alicredit.portable.model import ScoreModel
from alicredit.portable.tables import Claim
from alicredit.score import PointScale

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]


class DefaultModel(ClassifierMixin, BaseEstimator):
    """Probability of default as a sum of whole parts, in the plainest shape that loses nothing.

    One learner (LightGBM) in three shapes. Points: trees see one input each, added up to a short
    table of whole points for each input, with a penalised logistic regression and, of few defaults,
    a marginal scorecard in shares found out of fold. Pairs: tables and a few grids of two inputs,
    in thousandths of a point. Trees: over all inputs, in thousandths. Both have points beside them,
    in a share found out of fold. Learning is stopped on out-of-fold rows; their scores then give
    the probability of each score. With ``shape="auto"``
    all three are judged on the same folds, as they would be deployed; the plainest is taken whose
    log loss is within one paired standard error, clustered by merchant, of the best and within
    0.001 of it (assumed). Folds are repeated below 5,000 rows or 500 defaults; with fewer than 30
    defaults shapes cannot be told apart, and points are taken (assumed).

    Parameters
    ----------
    shape : str, default "auto"
        ``"points"``, ``"pairs"``, ``"trees"``, or ``"auto"`` for the plainest that loses nothing.
        Where no pair earns its place, ``"pairs"`` gives points in thousandths and finer steps.
    directions : str, mapping or None, default "catalogue"
        Input -> +1 (more is riskier), -1 or 0; ``"catalogue"`` takes the built-in features'. They
        hold in every shape, and are verified on the final tables, grids and trees.
    special_codes : mapping, sequence of float or None, default None
        Numbers that mean something else, as -999 where a bureau has no record: input -> its codes,
        or codes of all numbers. Each is a level of its own with points of its own, learned beside
        the missing and drawn to it as its defaults are few; one of fewer than 20 rows has the
        points of the missing (assumed). A code is under no direction, in no step, range or median,
        and no missing value where missing inputs are counted; pairs and trees read it as missing.
    scale : PointScale or None, default None
        What points mean; None is 600 at 50:1, doubling every 20.
    max_steps : int or None, default None
        Steps of a table, and of each axis of a grid, at most. None is 16, and for tables in fine
        units (shape pairs where no pair earns its place) as many as a smooth line needs, at most
        240 (assumed). Of a category, in the order of risk: so many different points at most, levels
        with the same points standing each by its name: in a short table those that are alike;
        levels of fewer than 20 rows are *other*. Where rows have times, what differs between levels
        must hold in each period, as steps of numbers must.
    profit : callable or None, default None
        ``profit(y, pd)`` of out-of-fold rows gives the profit of each, or their total, in the
        user's unit; ``shapes_`` then has the total of each shape. It does not sway the choice.
    long_run_rate : float or None, default None
        A known mean probability of the training population, the user's central tendency: the PD is
        brought to it by the scaled likelihood ratio, and its interval no longer holds the error of
        the level. None: the rate of the training rows.
    sampling_rate : float or None, default None
        Share of the rows without default that were kept in training, above 0 and up to 1, where
        all defaults were: the others weigh 1 / sampling_rate. None: all were kept.
    random_state : int, default 0
        Seed.
    n_jobs : int, default 1
        Threads; the model does not depend on it.

    Attributes
    ----------
    portable_ : ScoreModel
        What is saved and deployed.
    costs_ : DataFrame
        For shape points: out-of-fold ``auc`` and ``log_loss`` of what was ``learned``, of its
        ``merged`` steps and of whole ``points``, and what each loses against what was learned.
    shapes_ : DataFrame
        A row for each shape judged: ``shape, log_loss``, its paired ``difference`` to the best and
        the standard error ``se`` of that, ``auc``, ``fit_seconds``, scoring cost (``score_us``:
        microseconds a row here; ``look_ups`` a row), number of ``tables, pairs, leaves`` (of the
        first fold's), ``profit`` where asked for, ``chosen``.
    classes_ : ndarray
        The two labels, in order; the second means default.
    n_features_in_ : int
        Inputs seen in fit.
    feature_names_in_ : ndarray
        Their names, where a frame was given.
    sign_evidence_ : pandas.DataFrame
        What the training rows say of each direction; see :meth:`contradictions`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"a": rng.normal(size=2000), "b": rng.normal(size=2000)})
    >>> y = (rng.random(2000) < 1 / (1 + np.exp(2 - X["a"]))).astype(float)
    >>> model = DefaultModel().fit(X, y)
    >>> bool(model.predict_proba(X)[:, 1].mean().round(1) == y.mean().round(1))
    True
    >>> model.predict_proba(X[["a"]])
    Traceback (most recent call last):
    alicredit.errors.InputError: X must have the column 'b'; ...
    """

    def __init__(
        self,
        shape: str = "auto",
        *,
        directions: str | Mapping[str, int] | None = "catalogue",
        special_codes: Mapping[str, Any] | Sequence[float] | None = None,
        scale: PointScale | None = None,
        max_steps: int | None = None,
        profit: Callable[[Floats, Floats], Any] | None = None,
        long_run_rate: float | None = None,
        sampling_rate: float | None = None,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.shape = shape
        self.directions = directions
        self.special_codes = special_codes
        self.scale = scale
        self.max_steps = max_steps
        self.profit = profit
        self.long_run_rate = long_run_rate
        self.sampling_rate = sampling_rate
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        cohort: Cohort | None = None,
        data_use: Mapping[str, Any] | None = None,
    ) -> DefaultModel:
        """Learn from rows whose outcome is known, the same model in whatever order they come.

        Parameters
        ----------
        X : pandas or polars frame, pyarrow table or array, shape (rows, inputs)
            Numbers, flags, and categories (text or categorical columns); missing allowed. The
            digest of peers and the stated uses of restricted tables that ``build_features`` left
            in its ``attrs`` are kept as facts of training, and what features of your own mean in
            the reasons.
        y : array of 0 and 1
            No NaN; labels of ``label_defaults`` carry the horizon and level of the claim. Any two
            labels will do: the second in order means default. Words that say otherwise, as "bad"
            before "good", are refused. Where rows of ``y`` or weights are labelled, they stand in
            the order of those of ``X``.
        sample_weight : array or None, default None
            Weights of rows: what counts is their ratio.
        cohort : Cohort or None, default None
            The rows' cohort: folds then respect time and merchants.
        data_use : mapping of str to mapping, or None, default None
            As for ``read_records``: a psychometric column needs ``purpose`` and ``legal_basis`` of
            ``"psych_items"``, which the model file then carries. A column of marital status is
            refused whatever is stated.

        Returns
        -------
        DefaultModel
            Itself.

        Raises
        ------
        InputError
            For labels of more than two kinds, too few defaults, lengths or orders of rows that
            differ, or a column that may not be learned from.
        """
        check_settings(self)
        frame, claim = as_frame(X), read_claim(y)
        label, classes = read_labels(y)
        check_rows(len(frame), len(label), cohort, X=X, y=y, sample_weight=sample_weight)
        weight = self._weights(sample_weight, label)
        require_both_classes(label, weight, inputs=frame.shape[1])
        require_lawful(frame.columns, data_use)
        specials = read_specials(self.special_codes)
        inputs = read_inputs(frame, read_directions(self.directions), specials)
        note_levels(inputs.levels)
        check_directions(self.directions, inputs)
        check_specials(self.special_codes, inputs)
        order = _canonical_order(cohort, inputs, label, weight)
        inputs, label, weight = inputs.take(order), label[order], weight[order]
        cohort = None if cohort is None else cohort[order]
        carried = read_carried(X, data_use)
        with plain_algebra():
            self.portable_ = self._learn(inputs, label, weight, cohort, claim, carried)
            self.sign_evidence_ = weigh_directions(
                inputs, label, weight, cohort, model=self.portable_, frame=frame.iloc[order]
            )
        note_telling(inputs, label, float(self.shapes_["auc"].max()))
        self.classes_ = classes
        self.n_features_in_ = len(inputs.names)
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.array(inputs.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def _learn(
        self,
        inputs: Inputs,
        label: Floats,
        weight: Floats,
        cohort: Cohort | None,
        claim: Claim,
        carried: Carried,
    ) -> ScoreModel:
        """Judge shapes out of fold, learn the one taken on all rows, put the model together."""
        data = _training_set(inputs, label, weight, cohort)
        shapes = shapes_of(self.shape, data)
        repeats = 1 if len(shapes) == 1 else repeats_of(len(label), data.defaults)
        folds = [
            make_folds(label, cohort, claim.horizon_days, seed=self.random_state + repeat)
            for repeat in range(repeats)
        ]
        plan = Plan(
            scale=given_or("scale", self.scale, PointScale),
            max_steps=self.max_steps,
            seed=self.random_state,
            threads=self.n_jobs,
        )
        splits = [latest(each.pairs, data) for each in folds]
        choice = choose_shape(shapes, inputs, data, splits, plan, profit=self.profit)
        self.shapes_ = choice.frame
        parts, margin = learn_shape(choice.judged, inputs, data, plan, rows=choice.rows)
        training = training_facts(
            label, cohort, folds=folds[0].kind, rounds=choice.judged.rounds,
            slope=choice.calibration.slope,
        )  # fmt: skip
        training |= {"shape_asked": self.shape, "repeats": repeats, **carried.facts}
        if choice.judged.beside is not None:
            training["points_share"] = 1 - choice.judged.share
        training["data_digest"] = data_digest(inputs, label, weight)
        if choice.judged.points is not None:
            training |= choice.judged.points.facts()
            self.costs_ = choice.judged.points.costs
        elif hasattr(self, "costs_"):
            del self.costs_
        log.info("fitted %d rounds on %d rows", choice.judged.rounds, len(label))
        return assemble(
            parts,
            data,
            choice.calibration,
            margin=margin,
            scale=plan.scale,
            claim=claim,
            training=training,
            long_run_rate=None if self.long_run_rate is None else float(self.long_run_rate),
            carried=carried,
        )

    def _weights(self, given: Any, label: Floats) -> Floats:
        """Read weights; rows without default stand for those that sampling left out."""
        weight = read_weights(given, len(label))
        if self.sampling_rate is None:
            return weight
        return np.where(label == 1, weight, weight / float(self.sampling_rate))

    @property
    def model_id(self) -> str:
        """Give the digest of the fitted model's content."""
        return self._fitted().model_id

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Give the names of the inputs."""
        return self._fitted().feature_names

    @property
    def claim(self) -> Claim:
        """Give the horizon and level that the probability claims."""
        return self._fitted().claim

    def predict_proba(self, X: Any) -> Floats:
        """Give the probabilities of no default and of default, shape (rows, 2)."""
        return self._fitted().predict_proba(self._named(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Give the class of default where that is more likely than not."""
        default = self.predict_proba(X)[:, 1] > 0.5
        return self.classes_[default.astype(np.int64)]

    def predict_score(self, X: Any) -> npt.NDArray[np.int64]:
        """Give scores in whole units, more being safer; ``portable_.unit`` of them are a point."""
        return self._fitted().predict_score(self._named(X))

    def score_frame(self, X: Any, *, reasons: int = 4, flags: bool = True) -> pd.DataFrame:
        """Score each row or say why not; see ``ScoreModel.score_frame``."""
        return self._fitted().score_frame(self._named(X), reasons=reasons, flags=flags)

    def score_one(self, values: Mapping[str, Any], *, reasons: int = 4) -> dict[str, Any]:
        """Score one applicant; see ``ScoreModel.score_one``."""
        return self._fitted().score_one(values, reasons=reasons)

    def check_frame(self, X: Any) -> None:
        """Check a whole input before scoring; see ``ScoreModel.check_frame``."""
        self._fitted().check_frame(self._named(X))

    def explain(self, X: Any, top: int = 4) -> pd.DataFrame:
        """Give the parts of each score that hurt most; see ``ScoreModel.explain``."""
        return self._fitted().explain(self._named(X), top)

    def scorecard(self) -> pd.DataFrame:
        """Lay out the points table; see ``ScoreModel.scorecard``."""
        return self._fitted().scorecard()

    def contradictions(self, *, level: float = 0.05) -> pd.DataFrame:
        """List inputs whose training rows speak against their direction, with the evidence.

        Columns and tests are those of ``alicredit.evaluation.find_contradictions``; ``level`` is
        the adjusted p-value up to which a test is listed, 1 for all that could be made.
        """
        self._fitted()
        require_between("level", level, 0, 1)
        return listed(self.sign_evidence_, level)

    def save(self, path: Any) -> None:
        """Write the fitted model as a file of plain data."""
        self._fitted().save(path)

    def to_sql(self, dialect: str = "duckdb", **options: Any) -> str:
        """Give the model as one SQL query; see ``ScoreModel.to_sql``."""
        return self._fitted().to_sql(dialect, **options)

    def to_python(self, path: Any = None) -> str:
        """Give the model as one file of Python; see ``ScoreModel.to_python``."""
        return self._fitted().to_python(path)

    def to_paper(self, path: Any = None, *, language: str = "en") -> str:
        """Give the points table as a page to print; see ``ScoreModel.to_paper``."""
        return self._fitted().to_paper(path, language=language)

    def to_onnx(self, path: Any = None) -> bytes:
        """Give the fitted model as an ONNX graph; see ``ScoreModel.to_onnx``."""
        return self._fitted().to_onnx(path)

    def _fitted(self) -> ScoreModel:
        """Give the portable model, or sklearn's NotFittedError."""
        check_is_fitted(self, "portable_")
        return self.portable_

    def _named(self, X: Any) -> Any:
        """Name the columns of an array as in fit; an array cannot stand for a frame."""
        self._fitted()
        if hasattr(X, "columns"):
            return as_frame(X) if hasattr(X, "schema") else X
        frame = as_frame(X)
        if frame.shape[1] != self.n_features_in_:
            found = f"X has {frame.shape[1]} features, but DefaultModel is expecting"
            message = f"{found} {self.n_features_in_} features as input"
            raise InputError(message)
        if hasattr(self, "feature_names_in_"):
            rule = "must be a frame, as it was in fit: inputs are taken by name"
            raise InputError(refusal("X", rule, type(X).__name__))
        return frame

    def __sklearn_tags__(self) -> Any:
        """Say what is taken: two classes; missing values, categories and text in a frame."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


def _canonical_order(
    cohort: Cohort | None, inputs: Inputs, label: Floats, weight: Floats
) -> npt.NDArray[np.int64]:
    """Order rows by what they are, so that the model does not depend on how they came."""
    if cohort is None:
        return order_by_content(inputs, label, weight)
    frame = cohort.frame.assign(_label=label).reset_index(drop=True)
    keys = [name for name in ("as_of", "merchant_id", "loan_id", "_label") if name in frame]
    if frame.duplicated(keys).any():
        frame = frame.iloc[order_by_content(inputs, label, weight)]
    return frame.sort_values(keys, kind="stable").index.to_numpy(np.int64)


def _training_set(
    inputs: Inputs, label: Floats, weight: Floats, cohort: Cohort | None
) -> TrainingSet:
    """Put together what shapes learn from."""
    return TrainingSet(
        inputs.X,
        label,
        weight,
        inputs.directions,
        inputs.category_positions,
        _clusters(cohort, len(label)),
        periods_of(label, cohort, defaults=DEFAULTS_OF_A_PERIOD, most=MOST_PERIODS),
        inputs.raw,
    )


def _clusters(cohort: Cohort | None, rows: int) -> npt.NDArray[np.int64]:
    """Number the merchants of the rows; each row its own where none are known."""
    if cohort is None:
        return np.arange(rows)
    return pd.factorize(cohort.frame["merchant_id"])[0].astype(np.int64)
