"""From scores to answers: who is decided, rules, limits, referrals, prices, reasons."""
