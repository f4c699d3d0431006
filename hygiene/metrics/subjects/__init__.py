"""Which features of subject lines went with which rates, in the user's own log."""
