"""The built-in features, one literal list: what each reads, means, and is expected to say of risk.

Signs are expectations, not established facts. Only families for which lenders' practice or a study
speaks (evidence A or B) and whose sign is not in doubt carry a direction that the model obeys; the
others state what is expected and leave the model free.
"""

from __future__ import annotations

from alicredit.catalogue.buyer_features import buyer_features
from alicredit.catalogue.credit_features import credit_features
from alicredit.catalogue.customs_features import customs_features
from alicredit.catalogue.money_features import money_features
from alicredit.catalogue.outside_features import outside_features
from alicredit.catalogue.peer_features import peer_features
from alicredit.catalogue.selftrade_features import selftrade_features
from alicredit.catalogue.service_features import service_features
from alicredit.catalogue.trade_features import trade_features
from alicredit.declarations import Catalogue

CATALOGUE = Catalogue(
    (
        *trade_features(),
        *outside_features(),
        *buyer_features(),
        *service_features(),
        *money_features(),
        *credit_features(),
        *peer_features(),
        *selftrade_features(),
        *customs_features(),
    )
)
"""The built-in features; ``CATALOGUE + [Feature(...)]`` adds one's own."""
