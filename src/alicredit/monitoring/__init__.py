"""After the money is out: whether loans, populations, features and claims go as foreseen."""

from alicredit.monitoring.drift import feature_drift
from alicredit.monitoring.feeds import feed_volumes, stale_feeds
from alicredit.monitoring.grades import Migration, migration
from alicredit.monitoring.outcomes import RealisedReport, realised_against_predicted
from alicredit.monitoring.population import population_shares, population_stability
from alicredit.monitoring.roll import roll_rates
from alicredit.monitoring.summary import MonitoringRules
from alicredit.monitoring.vintage import vintages
from alicredit.monitoring.watch import MonitoringReport, monitor

__all__ = [
    "Migration",
    "MonitoringReport",
    "MonitoringRules",
    "RealisedReport",
    "feature_drift",
    "feed_volumes",
    "migration",
    "monitor",
    "population_shares",
    "population_stability",
    "realised_against_predicted",
    "roll_rates",
    "stale_feeds",
    "vintages",
]
