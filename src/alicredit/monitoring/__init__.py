"""After the money is out: how vintages season and how arrears roll."""

from alicredit.monitoring.roll import roll_rates
from alicredit.monitoring.vintage import vintages

__all__ = ["roll_rates", "vintages"]
