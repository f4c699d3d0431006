"""Rules of unsubscribe."""
