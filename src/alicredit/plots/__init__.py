"""Drawings of frames: each takes a frame and gives axes; they need the extra ``[report]``."""

from alicredit.plots.outcomes import plot_realised, plot_realised_over_time
from alicredit.plots.seasoning import plot_roll_rates, plot_vintages
from alicredit.plots.shifts import plot_drift, plot_population

__all__ = [
    "plot_drift",
    "plot_population",
    "plot_realised",
    "plot_realised_over_time",
    "plot_roll_rates",
    "plot_vintages",
]
