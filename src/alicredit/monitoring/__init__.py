"""After the money is out: how vintages season and arrears roll, what warns early, what it did."""

from alicredit.monitoring.roll import roll_rates
from alicredit.monitoring.use_of_funds import UseOfFunds, use_of_funds
from alicredit.monitoring.vintage import vintages
from alicredit.monitoring.warning_looks import loan_outcomes
from alicredit.monitoring.warning_measures import measure_warnings
from alicredit.monitoring.warning_rules import WARNING_RULES, WarningRule, WarningRules
from alicredit.monitoring.warning_tuning import tune_warnings
from alicredit.monitoring.warnings import early_warnings, explain_warnings, rate_warnings

__all__ = [
    "WARNING_RULES",
    "UseOfFunds",
    "WarningRule",
    "WarningRules",
    "early_warnings",
    "explain_warnings",
    "loan_outcomes",
    "measure_warnings",
    "rate_warnings",
    "roll_rates",
    "tune_warnings",
    "use_of_funds",
    "vintages",
]
