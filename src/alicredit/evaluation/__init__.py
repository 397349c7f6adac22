"""Does the claim hold? Metrics and validation, as frames."""

from alicredit.evaluation.metrics import (
    auc,
    brier,
    calibration_line,
    hhi,
    hosmer_lemeshow,
    log_loss,
    psi,
    shift_prior,
    spiegelhalter,
)
from alicredit.evaluation.rates import (
    Estimate,
    clustered_mean,
    effective_rows,
    jeffreys_interval,
    jeffreys_test,
    pluto_tasche,
)
from alicredit.evaluation.signs import measure_signs
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
    "measure_signs",
    "pluto_tasche",
    "psi",
    "shift_prior",
    "spiegelhalter",
    "validate_model",
]
