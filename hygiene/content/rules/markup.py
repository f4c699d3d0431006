"""Rules of markup."""
