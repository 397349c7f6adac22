"""From a score to a probability: log-odds with a level, a slope and bends, each as believed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alicredit.calibration.curve import Curve, Floats, Witnesses, gather, rising
from alicredit.calibration.forms import Form, Frame
from alicredit.calibration.posterior import (
    DRAWS,
    Posterior,
    mixed,
    posterior,
    shares,
    with_rates,
)
from alicredit.checks import is_number, refuse, require_between

FORMS = {"intercept": Form(0.0, 0.0), "slope": Form(0.5, 0.0), "bends": Form(0.5, 0.4)}
"""What the probability is averaged over, each as likely as the others before rows are seen.

Assumed: two of three slopes lie between 0.6 and 1.65; three units of log-odds away (odds twenty
times larger or smaller) two of three have changed by less than a factor of 2: 0.4 x 3^(1/2) = ln 2.
"""

OPEN = Form(1.0, 0.2, lean=0.2)
"""What the interval is taken from: a slope of which little is believed (a factor of e either way),
so that no interval is narrow because a slope of 1 was thought likely, and bends as large as above:
three units away the variance of the log-slope is (ln 2)^2, three quarters of it a steady trend.

A walk alone may turn at once, anywhere, and what is rough is left open for each piece anew: its
bounds are too wide at every grade unless the truth is as rough. Bounds of smoother curves cover on
average over grades (Nychka 1988).
"""

_FREE = {"slope": Form(1.0, 0.0), "bends": Form(1.0, 0.4)}
"""What the probability is averaged over where the slope is free: little is believed of it."""

_BEFORE_FREE = (20.0, 1.0)
"""How likely they are before rows are seen: a bend needs evidence (assumed)."""

_LEAST_SLOPE, _MOST_SLOPE = 0.1, 10.0
"""Slopes beyond which a margin is no log-odds in any unit (assumed)."""

_TAIL = 0.05
_WIDEST = 3.0


@dataclass(frozen=True, eq=False)
class Calibration:
    """Log-odds as a strictly rising curve of the margin, and how uncertain it is.

    Parameters
    ----------
    curve : Curve
        What the probability is: the mean over all forms and curves, by their probability.
    open : Posterior
        Curves that stand for all that the rows leave open: what the interval is taken from.
    form : str
        The most probable form: ``"intercept"``, ``"slope"`` or ``"bends"``.
    rate : float
        Mean probability over the rows it was fitted to.
    seen : Witnesses
        The rows it was fitted to.
    stated : float, str or None, default None
        What was stated of the slope: see ``calibration_slope`` of :func:`calibrate`.
    """

    curve: Curve
    open: Posterior
    form: str
    rate: float
    seen: Witnesses
    stated: float | str | None = None

    @property
    def slope(self) -> float:
        """Give the slope of the log-odds on the whole: of a line by what each row tells."""
        m, logit = self.seen.margin, self.curve.logit(self.seen.margin)
        told = self.seen.told(logit)
        off = m - np.average(m, weights=told)
        spread = float(told @ off**2)
        if spread <= 1e-12 * float(told.sum()):
            return float(self.curve.slopes.mean())
        return float(told @ (off * logit)) / spread

    @property
    def intercept(self) -> float:
        """Give the log-odds at margin 0."""
        return float(self.curve.logit(np.zeros(1))[0])

    def logit(self, margin: Floats) -> Floats:
        """Give the log-odds of default at each margin."""
        return self.curve.logit(margin)

    def anchored(self, margin: Floats, weight: Floats, rate: float) -> Calibration:
        """Move the level so that the mean probability of rows is a rate; the interval moves along.

        Merging and rounding move the level a little; one number puts it back.
        """
        curve = self.curve.at_rate(margin, weight, rate)
        return replace(self, curve=curve, open=self.open.at_rate(margin, weight, rate), rate=rate)

    def deployed(self, margin: Floats, weight: Floats, rate: float) -> Calibration:
        """Fit anew for the scores as deployed, and move the level to the rate of all rows.

        The ranking that is deployed learned from more rows than those that judged it out of fold,
        and spreads more or less widely. Judging margins are brought to the spread of the deployed
        first. How far that is out is not known: the logarithm by which the spread changed counts as
        a standard error of all log-slopes. A slope that was stated is that of the judging margins.
        """
        ratio = _ratio(_spread(margin, weight), _spread(self.seen.margin, self.seen.weight))
        middle = float(np.average(self.seen.margin, weights=self.seen.weight))
        seen = replace(self.seen, margin=middle + (self.seen.margin - middle) * ratio)
        stated = self.stated / ratio if isinstance(self.stated, float) else self.stated
        found = _average(seen, stated)
        left = found.open.apart(float(np.log(ratio)))
        return replace(found, open=left).anchored(margin, weight, rate)

    def at_known_rate(self, margin: Floats, weight: Floats, rate: float) -> Calibration:
        """Move the level to a rate that is known, not estimated: the interval narrows to the shape.

        Odds of all rows are multiplied by one number such that their mean probability is the rate:
        Tasche's scaled likelihood ratio (2013, DOMAIN 5.2), which keeps what each score says of a
        default against a non-default. Each curve that the interval is taken from is moved by a
        number of its own; what is left of the level's uncertainty is that the rows are a sample of
        those whose rate is known.
        """
        found = self.anchored(margin, weight, rate)
        p = rising(found.curve.logit(margin))
        mean = np.average(p, weights=weight)
        spread = np.average((p / mean - 1) ** 2, weights=weight) / self.seen.independent
        return replace(found, open=found.open.with_level(float(np.sqrt(spread))))

    def probabilities(self, margin: Floats) -> tuple[Floats, Floats, Floats]:
        """Give lower bound, probability and upper bound (90 %) at each margin.

        The bounds are what curves worth 5 % and 95 % of all probability stay below. Curves rise, so
        bounds do.
        """
        pd = self.curve.logit(margin)
        low, high = self.open.bounds(margin, _TAIL)
        return rising(np.minimum(low, pd)), rising(pd), rising(np.maximum(high, pd))


def calibrate(
    margin: Floats,
    y: Floats,
    weight: Floats,
    cluster: npt.NDArray[np.int64],
    *,
    long_run_rate: float | None = None,
    sampling_rate: float | None = None,
    calibration_slope: float | str | None = None,
) -> Calibration:
    """Fit log-odds to out-of-fold margins; rows of one merchant count as one witness.

    Three forms are nested: the margin as it is but for its level; a slope; a slope that wanders
    along the margin. The probability of default is the mean over all curves of all forms, each form
    by its probability given what was seen (Bayesian model averaging; Hoeting and others 1999) with
    equal ones before, so that few defaults turn and bend little. The log-likelihood is divided by
    the design effect of merchants and weights. The level is Jeffreys' (d + 1/2) / (n + 1).

    Parameters
    ----------
    margin : array of float
        Log-odds of the ranking for rows it was not fitted on.
    y : array of 0 and 1
        Outcomes.
    weight : array of float
        Weights, none negative; a weight counts like so many rows of one merchant.
    cluster : array of int
        The merchant of each row.
    long_run_rate : float or None, default None
        The known mean probability of those whom these rows are a sample of, between 0 and 1: the
        user's central tendency.
    sampling_rate : float or None, default None
        Share of the rows without default that were kept in the sample, above 0 and up to 1, where
        all defaults were: the others are weighted up by 1 / sampling_rate.
    calibration_slope : float, "free" or None, default None
        What is known of the slope of true log-odds on the margin (Cox 1958). A number is taken as
        known, and the curve as straight: 1 where margins are right but for their level, so that
        calibration in the large is all that is left, and the interval is of the level alone.
        ``"free"``: nothing is, as where a ranking comes from elsewhere; the rows alone tell the
        slope, and no form keeps it at 1. None: the average above.

    Returns
    -------
    Calibration
        The curve and its uncertainty.

    Raises
    ------
    InputError
        If lengths differ, a margin is not finite, an outcome is neither 0 nor 1, a weight is
        negative or all are 0, a rate or slope is out of its range, or one merchant has all rows or
        alone tells of the slope: how far its rows share a fate cannot be told then.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> margin = rng.normal(-4, 1, 20_000)
    >>> y = (rng.random(20_000) < 1 / (1 + np.exp(-margin))).astype(float)
    >>> found = calibrate(margin, y, np.ones(20_000), np.arange(20_000))
    >>> found.form, round(found.slope, 1)
    ('intercept', 1.0)
    >>> known = calibrate(margin, y, np.ones(20_000), np.arange(20_000), long_run_rate=0.02)
    >>> round(float(known.probabilities(margin)[1].mean()), 6)
    0.02
    >>> known = calibrate(margin, y, np.ones(20_000), np.arange(20_000), calibration_slope=1)
    >>> float(np.ptp(known.logit(margin) - margin).round(6))
    0.0
    >>> calibrate(margin, y, np.ones(20_000), np.arange(20_000), calibration_slope="fixed")
    Traceback (most recent call last):
    alicredit.errors.InputError: calibration_slope must be a number from 0.1 to 10, 'free'...
    >>> calibrate(margin, y, np.ones(20_000), np.arange(20_000), long_run_rate=2)
    Traceback (most recent call last):
    alicredit.errors.InputError: long_run_rate must be a number from 1e-09 to 0.999999; found 2.
    """
    _check(margin, y, weight, cluster)
    if sampling_rate is not None:
        require_between("sampling_rate", sampling_rate, 1e-6, 1)
        weight = np.where(y == 1, weight, weight / sampling_rate)
    if long_run_rate is not None:
        require_between("long_run_rate", long_run_rate, 1e-9, 0.999999)
    found = _average(gather(margin, y, weight, cluster), _read_slope(calibration_slope))
    if long_run_rate is None:
        return found
    return found.at_known_rate(found.seen.margin, found.seen.weight, long_run_rate)


def _read_slope(given: Any) -> float | str | None:
    """Take what is stated of the slope: a number, ``"free"`` or nothing.

    Examples
    --------
    >>> _read_slope(1), _read_slope("free"), _read_slope(None)
    (1.0, 'free', None)
    >>> _read_slope("right")
    Traceback (most recent call last):
    alicredit.errors.InputError: calibration_slope must be a number from 0.1 to 10, 'free'...
    """
    if given is None:
        return None
    if isinstance(given, str) and given == "free":
        return "free"
    if not is_number(given) or not _LEAST_SLOPE <= given <= _MOST_SLOPE:
        rule = f"must be a number from {_LEAST_SLOPE:g} to {_MOST_SLOPE:g}, 'free' or None"
        refuse("calibration_slope", rule, repr(given)[:60])
    return float(given)


def _average(seen: Witnesses, stated: float | str | None) -> Calibration:
    """Average the forms by their probability; take the interval from what is open."""
    frame = Frame.of(seen)
    forms, before, open_form = _believed(stated)
    fits = [posterior(frame, form, DRAWS // 2) for form in forms.values()]
    form = list(forms)[int(np.argmax(shares(fits, before)[0].round(9)))]
    curve = mixed(fits, before).mean(float(seen.margin[0]), float(seen.margin[-1]))
    left = with_rates(posterior(frame, open_form), frame)
    found = Calibration(curve, left, form, seen.rate, seen, stated)
    return found.anchored(seen.margin, seen.weight, seen.rate)


def _believed(stated: float | str | None) -> tuple[dict[str, Form], tuple[float, ...], Form]:
    """Give forms, how likely each is before rows are seen, and what the interval is taken from."""
    if isinstance(stated, float):
        known = Form(0.0, 0.0, centre=math.log(stated))
        return {"intercept": known}, (1.0,), known
    if stated == "free":
        return _FREE, _BEFORE_FREE, OPEN
    return FORMS, (1.0, 1.0, 1.0), OPEN


def _spread(margin: Floats, weight: Floats) -> float:
    """Give the standard deviation of margins."""
    middle = np.average(margin, weights=weight)
    return float(np.sqrt(np.average((margin - middle) ** 2, weights=weight)))


def _ratio(wide: float, narrow: float) -> float:
    """Divide two spreads, within bounds; 1 where a ranking tells rows apart not at all."""
    if min(wide, narrow) < 1e-6:
        return 1.0
    return min(max(wide / narrow, 1 / _WIDEST), _WIDEST)


def _check(margin: Floats, y: Floats, weight: Floats, cluster: npt.NDArray[np.int64]) -> None:
    """Refuse what no curve can be fitted to."""
    for name, values in (("y", y), ("weight", weight), ("cluster", cluster)):
        if len(values) != len(margin):
            refuse(name, f"must have one value for each of the {len(margin)} margins", len(values))
    if not len(margin) or not np.isfinite(margin).all():
        refuse("margin", "must be finite numbers, at least one", "none or others")
    if not np.isin(y, (0.0, 1.0)).all():
        refuse("y", "must be 0 or 1", "others")
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        refuse("weight", "must be finite numbers, none negative and not all 0", "others")
