"""A/B tests: which variant is better, and whether that may be said yet."""
