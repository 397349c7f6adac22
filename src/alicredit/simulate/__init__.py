"""A made-up platform and lender whose true risk is known."""

from alicredit.simulate.platform import simulate_platform

__all__ = ["simulate_platform"]
