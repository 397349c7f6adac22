"""From a score to a probability that is a claim."""

from alicredit.calibration.logodds import Calibration, calibrate, rising

__all__ = ["Calibration", "calibrate", "rising"]
