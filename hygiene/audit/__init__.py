"""A domain (and, if given, its sending addresses) → findings."""
