"""Learning a default model: rank with a points table, then say how probable default is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from alicredit.calibration.logodds import calibrate
from alicredit.checks import refusal, refuse, require_between, require_one_of, require_whole
from alicredit.cohort import Cohort
from alicredit.errors import InputError
from alicredit.evaluation.contradictions import listed
from alicredit.features import CATALOGUE
from alicredit.model.assemble import assemble
from alicredit.model.folds import make_folds
from alicredit.model.inputs import (
    Inputs,
    as_frame,
    read_claim,
    read_inputs,
    read_labels,
    read_weights,
    require_both_classes,
)
from alicredit.model.lawful import require_lawful, use_facts
from alicredit.model.learner import TrainingSet, fit_fixed, fit_rounds
from alicredit.model.opposed import weigh_directions
from alicredit.model.selected import selection_fact
from alicredit.portable.model import ScoreModel
from alicredit.portable.tables import Claim
from alicredit.score import PointScale

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]


class DefaultModel(ClassifierMixin, BaseEstimator):
    """Probability of default as a sum of whole points, one short table for each input.

    Trees of one input each are boosted (LightGBM), early stopped on out-of-fold rows, added up to
    a table per input, merged to few steps and rounded to whole points. Out-of-fold scores then
    give the probability of each score.

    Parameters
    ----------
    shape : str, default "points"
        What may be learned; this version has ``"points"``.
    directions : str, mapping or None, default "catalogue"
        Input -> +1 (more is riskier), -1 or 0; ``"catalogue"`` takes the built-in features'.
    scale : PointScale or None, default None
        What points mean; None is 600 at 50:1, doubling every 20.
    max_steps : int, default 8
        Steps of a table at most.
    random_state : int, default 0
        Seed.
    n_jobs : int, default 1
        Threads; the model does not depend on it.
    data_use : mapping of str to mapping, or None, default None
        As for ``read_records``: a psychometric column needs ``purpose`` and ``legal_basis`` of
        ``"psych_items"``. A column of marital status is refused whatever is stated.

    Attributes
    ----------
    portable_ : ScoreModel
        What is saved and deployed.
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
        shape: str = "points",
        *,
        directions: str | Mapping[str, int] | None = "catalogue",
        scale: PointScale | None = None,
        max_steps: int = 8,
        random_state: int = 0,
        n_jobs: int = 1,
        data_use: Mapping[str, Any] | None = None,
    ) -> None:
        self.shape = shape
        self.directions = directions
        self.scale = scale
        self.max_steps = max_steps
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.data_use = data_use

    def fit(
        self, X: Any, y: Any, *, sample_weight: Any = None, cohort: Cohort | None = None
    ) -> DefaultModel:
        """Learn from rows whose outcome is known.

        Parameters
        ----------
        X : pandas.DataFrame or array, shape (rows, inputs)
            Numbers, flags, and categories (text or categorical columns); missing allowed.
        y : array of 0 and 1
            No NaN; labels of ``label_defaults`` carry the horizon and level of the claim. Any two
            labels will do: the second in order means default.
        sample_weight : array or None, default None
            Weights of rows.
        cohort : Cohort or None, default None
            The rows' cohort: folds then respect time and merchants.

        Returns
        -------
        DefaultModel
            Itself.

        Raises
        ------
        InputError
            For labels of more than two kinds, too few defaults, lengths that differ, or a column
            that may not be learned from.
        """
        require_one_of("shape", self.shape, ("points",))
        require_whole("max_steps", self.max_steps, 2, high=60)
        frame = as_frame(X)
        label, classes = read_labels(y)
        if len(frame) != len(label):
            refuse("y", f"must have one value for each of the {len(frame)} rows", len(label))
        weight = read_weights(sample_weight, len(label))
        require_both_classes(label, weight, inputs=frame.shape[1])
        if cohort is not None and len(cohort) != len(label):
            refuse("cohort", f"must have one row for each of the {len(label)}", len(cohort))
        require_lawful(frame.columns, self.data_use)
        inputs = read_inputs(frame, self._directions())
        order = _canonical_order(cohort, label)
        inputs, label, weight = inputs.take(order), label[order], weight[order]
        cohort = None if cohort is None else cohort[order]
        self.portable_ = self._learn(inputs, label, weight, cohort, read_claim(y))
        self.sign_evidence_ = weigh_directions(
            inputs, label, weight, cohort, model=self.portable_, frame=frame.iloc[order]
        )
        self.classes_ = classes
        self.n_features_in_ = len(inputs.names)
        if isinstance(X, pd.DataFrame):
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
    ) -> ScoreModel:
        """Fit folds, the whole, the calibration; put the portable model together."""
        cluster = _clusters(cohort, len(label))
        data = TrainingSet(
            inputs.X, label, weight, inputs.directions, inputs.category_positions, cluster
        )
        folds = make_folds(label, cohort, claim.horizon_days, seed=self.random_state)
        margin = np.full(len(label), np.nan)
        rounds = []
        for learn, judge in folds.pairs:
            booster, best = fit_rounds(
                data.take(learn), data.take(judge), seed=self.random_state, threads=self.n_jobs
            )
            margin[judge] = booster.predict(data.X[judge], raw_score=True, num_iteration=best)
            rounds.append(best)
        kept = int(np.median(rounds))
        booster = fit_fixed(data, kept, seed=self.random_state, threads=self.n_jobs)
        judged = np.isfinite(margin)
        calibration = calibrate(margin[judged], label[judged], weight[judged], cluster[judged])
        training = _facts(label, cohort, folds.kind, kept, calibration.slope)
        training |= use_facts(self.data_use)
        log.info("fitted %d rounds on %d rows, folds %s", kept, len(label), folds.kind)
        return assemble(
            booster,
            inputs,
            data,
            calibration,
            scale=self.scale or PointScale(),
            max_steps=self.max_steps,
            claim=claim,
            training=training,
        )

    def _directions(self) -> Mapping[str, int]:
        """Give the direction of risk by input name."""
        if self.directions is None:
            return {}
        if isinstance(self.directions, str):
            require_one_of("directions", self.directions, ("catalogue",))
            return CATALOGUE.directions
        wrong = [name for name, sign in self.directions.items() if sign not in (-1, 0, 1)]
        if wrong:
            refuse("directions", "must be -1, 0 or +1", f"{self.directions[wrong[0]]!r}")
        return self.directions

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
        """Give whole points, more being safer."""
        return self._fitted().predict_score(self._named(X))

    def score_frame(self, X: Any, *, reasons: int = 4) -> pd.DataFrame:
        """Score each row or say why not; see ``ScoreModel.score_frame``."""
        return self._fitted().score_frame(self._named(X), reasons=reasons)

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

    def _fitted(self) -> ScoreModel:
        """Give the portable model, or sklearn's NotFittedError."""
        check_is_fitted(self, "portable_")
        return self.portable_

    def _named(self, X: Any) -> Any:
        """Name the columns of an array as in fit; an array cannot stand for a frame."""
        self._fitted()
        if hasattr(X, "columns"):
            return X
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


def _canonical_order(cohort: Cohort | None, label: Floats) -> npt.NDArray[np.int64]:
    """Order rows by what they are, so that the model does not depend on how they came."""
    if cohort is None:
        return np.arange(len(label))
    frame = cohort.frame.assign(_label=label).reset_index(drop=True)
    keys = [name for name in ("as_of", "merchant_id", "loan_id", "_label") if name in frame]
    return frame.sort_values(keys, kind="stable").index.to_numpy(np.int64)


def _clusters(cohort: Cohort | None, rows: int) -> npt.NDArray[np.int64]:
    """Number the merchants of the rows; each row its own where none are known."""
    if cohort is None:
        return np.arange(rows)
    return pd.factorize(cohort.frame["merchant_id"])[0].astype(np.int64)


def _facts(
    label: Floats, cohort: Cohort | None, folds: str, rounds: int, slope: float
) -> dict[str, Any]:
    """State the facts of training that the file carries."""
    facts: dict[str, Any] = {
        "rows": len(label),
        "defaults": int(label.sum()),
        "folds": folds,
        "rounds": rounds,
        "slope": slope,
        **selection_fact(cohort),
    }
    if cohort is not None:
        as_of = cohort.frame["as_of"]
        facts["merchants"] = int(cohort.frame["merchant_id"].nunique())
        facts["first_as_of"] = f"{as_of.min():%Y-%m-%d}"
        facts["last_as_of"] = f"{as_of.max():%Y-%m-%d}"
    return facts
