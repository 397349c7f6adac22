"""After the money is out: whether loans, populations, features and claims go as foreseen."""

from alicredit.alerts import (
    WARNING_RULES,
    WarningRule,
    WarningRules,
    early_warnings,
    explain_warnings,
    loan_outcomes,
    measure_warnings,
    rate_warnings,
    tune_warnings,
)
from alicredit.funds import UseOfFunds, use_of_funds
from alicredit.monitoring.outcomes import RealisedReport, realised_against_predicted
from alicredit.monitoring.roll import roll_rates
from alicredit.monitoring.summary import MonitoringRules
from alicredit.monitoring.vintage import vintages
from alicredit.monitoring.watch import MonitoringReport, monitor
from alicredit.stability import (
    Migration,
    feature_drift,
    feed_volumes,
    migration,
    population_shares,
    population_stability,
    stale_feeds,
)

__all__ = [
    "Migration",
    "MonitoringReport",
    "MonitoringRules",
    "RealisedReport",
    "UseOfFunds",
    "WARNING_RULES",
    "WarningRule",
    "WarningRules",
    "early_warnings",
    "explain_warnings",
    "feature_drift",
    "feed_volumes",
    "loan_outcomes",
    "measure_warnings",
    "migration",
    "monitor",
    "population_shares",
    "population_stability",
    "rate_warnings",
    "realised_against_predicted",
    "roll_rates",
    "stale_feeds",
    "tune_warnings",
    "use_of_funds",
    "vintages",
]
