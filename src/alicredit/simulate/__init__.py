"""A made-up platform and lender whose true risk is known."""

from alicredit.simulate.platform import simulate_platform
from alicredit.simulate.true_risks import true_risks

__all__ = ["simulate_platform", "true_risks"]
