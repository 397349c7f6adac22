"""After the money is out: whether loans, populations, features and claims go as foreseen."""

from alicredit.monitoring.drift import feature_drift
from alicredit.monitoring.feeds import feed_volumes, stale_feeds
from alicredit.monitoring.grades import Migration, migration
from alicredit.monitoring.outcomes import RealisedReport, realised_against_predicted
from alicredit.monitoring.population import population_shares, population_stability
from alicredit.monitoring.roll import roll_rates
from alicredit.monitoring.summary import MonitoringRules
from alicredit.monitoring.use_of_funds import UseOfFunds, use_of_funds
from alicredit.monitoring.vintage import vintages
from alicredit.monitoring.warning_looks import loan_outcomes
from alicredit.monitoring.warning_measures import measure_warnings
from alicredit.monitoring.warning_rules import WARNING_RULES, WarningRule, WarningRules
from alicredit.monitoring.warning_tuning import tune_warnings
from alicredit.monitoring.warnings import early_warnings, explain_warnings, rate_warnings
from alicredit.monitoring.watch import MonitoringReport, monitor

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
