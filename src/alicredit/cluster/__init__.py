"""A portfolio on a cluster of Spark: decided in tasks, its book allocated by prices."""

from alicredit.cluster.book import ClusterAllocation, allocate_on_cluster
from alicredit.cluster.offers import build_offers_on_cluster
from alicredit.cluster.portfolio_jobs import (
    collect_decisions,
    run_on_cluster,
    run_prepared_on_cluster,
)
from alicredit.cluster.taking import require_session, running_session

__all__ = [
    "ClusterAllocation",
    "allocate_on_cluster",
    "build_offers_on_cluster",
    "collect_decisions",
    "require_session",
    "run_on_cluster",
    "run_prepared_on_cluster",
    "running_session",
]
