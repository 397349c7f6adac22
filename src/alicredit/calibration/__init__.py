"""From a score to a probability that is a claim, and from one level to another."""

from alicredit.calibration.curve import rising
from alicredit.calibration.level import Relevelled, floored, relevel_pds, undo_sampling
from alicredit.calibration.logodds import Calibration, calibrate

__all__ = [
    "Calibration",
    "Relevelled",
    "calibrate",
    "floored",
    "relevel_pds",
    "rising",
    "undo_sampling",
]
