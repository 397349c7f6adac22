"""What was known before: features declared as data, built as of each question's moment."""

from alicredit.features.build import build_features
from alicredit.features.catalogue import CATALOGUE
from alicredit.features.declaration import Catalogue, Feature
from alicredit.features.measures import MEASURES, Measure
from alicredit.features.psychometric import PSYCHOMETRIC

__all__ = [
    "CATALOGUE",
    "MEASURES",
    "PSYCHOMETRIC",
    "Catalogue",
    "Feature",
    "Measure",
    "build_features",
]
