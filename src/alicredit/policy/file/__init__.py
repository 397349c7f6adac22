"""A policy's file: every key it may have, reading it strictly, writing it, telling it."""
