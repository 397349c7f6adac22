"""Pages that people read, and the frames they show; pages need the extra ``[report]``."""

from alicredit.report.decision import write_decision_page
from alicredit.report.monitoring import write_monitoring_page
from alicredit.report.portfolio import write_portfolio_page
from alicredit.report.summary import by_product, by_reason, funnel, notes_of, written
from alicredit.report.validation import write_validation_page

__all__ = [
    "by_product",
    "by_reason",
    "funnel",
    "notes_of",
    "write_decision_page",
    "write_monitoring_page",
    "write_portfolio_page",
    "write_validation_page",
    "written",
]
