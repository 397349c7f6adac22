"""What was known before: features declared as data, built as of each question's moment."""

from alicredit.features.build import build_features
from alicredit.features.catalogue import CATALOGUE
from alicredit.features.daily import update_features
from alicredit.features.daily_file import (
    DailyFeatures,
    read_daily_features,
    write_daily_features,
)
from alicredit.features.declaration import Catalogue, Feature
from alicredit.features.measures import MEASURES, Measure
from alicredit.features.psychometric import PSYCHOMETRIC
from alicredit.features.spark import SparkRecords, read_spark_records

__all__ = [
    "CATALOGUE",
    "MEASURES",
    "PSYCHOMETRIC",
    "Catalogue",
    "DailyFeatures",
    "Feature",
    "Measure",
    "SparkRecords",
    "build_features",
    "read_daily_features",
    "read_spark_records",
    "update_features",
    "write_daily_features",
]
