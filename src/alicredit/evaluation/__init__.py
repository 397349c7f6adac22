"""Does the claim hold? Metrics and validation, as frames."""

from alicredit.evaluation.calibration_tests import calibration_line, hosmer_lemeshow, spiegelhalter
from alicredit.evaluation.card import ModelCard
from alicredit.evaluation.contradictions import find_contradictions, measure_directions
from alicredit.evaluation.fairness import audit_fairness
from alicredit.evaluation.grades import grade_pds
from alicredit.evaluation.metrics import auc, brier, hhi, log_loss, psi, shift_prior
from alicredit.evaluation.migration import (
    auc_decline,
    concentration_test,
    matrix_bandwidths,
    monotone_tests,
)
from alicredit.evaluation.rates import (
    Estimate,
    binomial_test,
    clustered_mean,
    effective_rows,
    jeffreys_interval,
    jeffreys_test,
    pluto_tasche,
)
from alicredit.evaluation.selection import (
    ExplorationWeights,
    expected_auc,
    reject_band,
    weigh_exploration,
)
from alicredit.evaluation.signs import measure_signs
from alicredit.evaluation.stability import (
    PsiTest,
    adjust_p,
    effective_shares,
    psi_test,
    share_covariance,
)
from alicredit.evaluation.validation import ValidationReport, validate_model

__all__ = [
    "Estimate",
    "ExplorationWeights",
    "ModelCard",
    "PsiTest",
    "ValidationReport",
    "adjust_p",
    "auc",
    "auc_decline",
    "audit_fairness",
    "binomial_test",
    "brier",
    "calibration_line",
    "clustered_mean",
    "concentration_test",
    "effective_rows",
    "effective_shares",
    "expected_auc",
    "find_contradictions",
    "grade_pds",
    "hhi",
    "hosmer_lemeshow",
    "jeffreys_interval",
    "jeffreys_test",
    "log_loss",
    "matrix_bandwidths",
    "measure_directions",
    "measure_signs",
    "monotone_tests",
    "pluto_tasche",
    "psi",
    "psi_test",
    "reject_band",
    "share_covariance",
    "shift_prior",
    "spiegelhalter",
    "validate_model",
    "weigh_exploration",
]
