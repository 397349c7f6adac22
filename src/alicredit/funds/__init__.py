"""What merchants did with the money, beside similar ones who did not borrow."""

from alicredit.funds.use import UseOfFunds, use_of_funds

__all__ = [
    "UseOfFunds",
    "use_of_funds",
]
