"""Pages that people read; needs the extra ``[report]``."""

from alicredit.report.page import write_portfolio_page, write_validation_page

__all__ = ["write_portfolio_page", "write_validation_page"]
