"""Early warnings about loans that are out: rules, tuning, and what they are worth."""

from alicredit.alerts.early import early_warnings, explain_warnings, rate_warnings
from alicredit.alerts.looks import loan_outcomes
from alicredit.alerts.measures import measure_warnings
from alicredit.alerts.rules import WARNING_RULES, WarningRule, WarningRules
from alicredit.alerts.tuning import tune_warnings

__all__ = [
    "WARNING_RULES",
    "WarningRule",
    "WarningRules",
    "early_warnings",
    "explain_warnings",
    "loan_outcomes",
    "measure_warnings",
    "rate_warnings",
    "tune_warnings",
]
