"""Events → figures → verdicts: what was sent, what became of it, and whether that is good."""
