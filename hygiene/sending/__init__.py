"""A campaign and a cleaned list → mail that left, each accounted for."""
