"""What would be otherwise: reasons and what lifts them, another policy, a worse year."""

from alicredit.whatif.overridden import override_outcomes
from alicredit.whatif.reasons import explain_decision
from alicredit.whatif.scenarios import SCENARIOS, Scenario
from alicredit.whatif.stress import reverse_stress, stress_book
from alicredit.whatif.swaps import PolicyComparison, compare_policies
from alicredit.whatif.tails import loss_quantiles, retail_correlation, vasicek_default_rate

__all__ = [
    "SCENARIOS",
    "PolicyComparison",
    "Scenario",
    "compare_policies",
    "explain_decision",
    "loss_quantiles",
    "override_outcomes",
    "retail_correlation",
    "reverse_stress",
    "stress_book",
    "vasicek_default_rate",
]
