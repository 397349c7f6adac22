"""Pages that people read, and the frames they show; pages need the extra ``[report]``."""

from alicredit.report.page import write_portfolio_page, write_validation_page
from alicredit.report.summary import by_product, by_reason, notes_of, written

__all__ = [
    "by_product",
    "by_reason",
    "notes_of",
    "write_portfolio_page",
    "write_validation_page",
    "written",
]
