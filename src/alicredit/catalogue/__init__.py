"""The built-in features, family by family."""

from alicredit.catalogue.builtin import CATALOGUE
from alicredit.catalogue.psychometric import PSYCHOMETRIC

__all__ = ["CATALOGUE", "PSYCHOMETRIC"]
