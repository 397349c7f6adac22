"""One model in other forms, each giving the same score: a Python file, SQL, ONNX, paper."""

from alicredit.exports.sql import to_sql

__all__ = ["to_sql"]
