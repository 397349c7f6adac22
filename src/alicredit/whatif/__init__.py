"""What would be otherwise: reasons and what lifts them, another policy, a worse year."""

from alicredit.whatif.reasons import explain_decision
from alicredit.whatif.swaps import PolicyComparison, compare_policies

__all__ = ["PolicyComparison", "compare_policies", "explain_decision"]
