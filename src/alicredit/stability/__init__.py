"""Whether populations, features, feeds and grades are as they were."""

from alicredit.stability.drift import feature_drift
from alicredit.stability.feeds import (
    add_arrivals,
    count_arrivals,
    feed_volumes,
    find_quiet,
    judge_arrivals,
    stale_feeds,
)
from alicredit.stability.grades import Migration, migration
from alicredit.stability.population import population_shares, population_stability

__all__ = [
    "add_arrivals",
    "count_arrivals",
    "find_quiet",
    "judge_arrivals",
    "Migration",
    "feature_drift",
    "feed_volumes",
    "migration",
    "population_shares",
    "population_stability",
    "stale_feeds",
]
