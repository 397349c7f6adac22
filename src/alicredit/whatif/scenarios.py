"""How a year may be worse: scenarios that a risk officer states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alicredit.checks import refuse, require_between

PEAK = 7.0
"""Sales of 11 November against a mean day (DOMAIN 4)."""
SALES_BETA = 0.5
"""Rise of the log-odds of default where log sales fall by one and the loan stays (assumed)."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a year is worse; what is left out stays as it is expected.

    Parameters
    ----------
    name : str
        Short name.
    title, title_zh : str, default ""
        What an officer reads; empty takes the name.
    pd_logit_shift : float, default 0
        Added to the log-odds of every probability of default.
    pd_multiple : float, default 1
        Times every probability, after the shift; 1 at most comes of it.
    lgd_multiple : float, default 1
        Times every loss given default; 1 at most comes of it.
    use_multiple : float, default 1
        Times the use of lines, over the year, on the peak day and at default; the whole line at
        most, or more where the policy itself has more at default. Less use earns less; more use is
        taken to earn no more (assumed).
    sales_multiple : float, default 1
        Sales against what is expected. The loan stays as it is, so that it weighs more: log-odds of
        default rise by ``sales_beta x ln(1 / sales_multiple)``, by the rule of DOMAIN 5.7 on loan
        over sales. Draws on orders follow sales.
    sales_beta : float, default 0.5
        Of that rule (assumed: sweep it).
    peak_multiple : float, default 7
        Draws on orders on the peak day against a mean day (DOMAIN 4: 11 November).

    Examples
    --------
    >>> Scenario("sales fall by half", sales_multiple=0.5).shift
    0.34657359027997264
    >>> Scenario("worse", lgd_multiple=-1)
    Traceback (most recent call last):
    alicredit.errors.InputError: lgd_multiple must be a number from 0 to 100; found -1.
    """

    name: str
    title: str = ""
    title_zh: str = ""
    pd_logit_shift: float = 0.0
    pd_multiple: float = 1.0
    lgd_multiple: float = 1.0
    use_multiple: float = 1.0
    sales_multiple: float = 1.0
    sales_beta: float = SALES_BETA
    peak_multiple: float = PEAK

    def __post_init__(self) -> None:
        """Refuse what is no scenario."""
        if not isinstance(self.name, str) or not self.name.strip():
            refuse("name", "must be a text that is not empty", repr(self.name))
        require_between("pd_logit_shift", self.pd_logit_shift, -20, 20)
        require_between("sales_beta", self.sales_beta, 0, 10)
        require_between("sales_multiple", self.sales_multiple, 0.01, 100)
        require_between("peak_multiple", self.peak_multiple, 1, 100)
        for word in ("lgd_multiple", "use_multiple"):
            require_between(word, getattr(self, word), 0, 100)
        require_between("pd_multiple", self.pd_multiple, 0, 1e12)

    @property
    def shift(self) -> float:
        """Give the whole shift of log-odds."""
        return float(self.pd_logit_shift - self.sales_beta * np.log(self.sales_multiple))


SCENARIOS = (
    Scenario("expected", "as expected", "预期情形"),
    Scenario("pd_doubles", "twice as many defaults", "违约概率翻倍", pd_multiple=2.0),
    Scenario("lgd_up", "half as much again lost at default", "违约损失率上升一半",
             lgd_multiple=1.5),
    Scenario("sales_fall", "sales fall by three tenths", "销售额下降三成", sales_multiple=0.7),
    Scenario("use_up", "lines are used half as much again", "额度使用率上升一半", use_multiple=1.5),
    Scenario("severe", "all of these at once", "以上各项同时发生", pd_multiple=2.0,
             lgd_multiple=1.5, sales_multiple=0.7, use_multiple=1.5),
)  # fmt: skip
"""A first set; every number in it is assumed."""
