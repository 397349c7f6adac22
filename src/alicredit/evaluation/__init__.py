"""Does the claim hold? Metrics and validation, as frames."""

from alicredit.evaluation.metrics import (
    Estimate,
    auc,
    brier,
    calibration_line,
    clustered_mean,
    effective_rows,
    hhi,
    hosmer_lemeshow,
    jeffreys_interval,
    jeffreys_test,
    log_loss,
    pluto_tasche,
    psi,
    shift_prior,
    spiegelhalter,
)
from alicredit.evaluation.validation import ValidationReport, validate_model

__all__ = [
    "Estimate",
    "ValidationReport",
    "auc",
    "brier",
    "calibration_line",
    "clustered_mean",
    "effective_rows",
    "hhi",
    "hosmer_lemeshow",
    "jeffreys_interval",
    "jeffreys_test",
    "log_loss",
    "pluto_tasche",
    "psi",
    "shift_prior",
    "spiegelhalter",
    "validate_model",
]
