"""A whole platform in constant memory: parts, receipts, and going on after any stop."""
