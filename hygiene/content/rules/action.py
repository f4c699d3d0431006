"""Rules of action."""
