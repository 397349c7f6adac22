"""Sliding windows over sorted events, compiled: the arithmetic behind features, knowing no data."""
