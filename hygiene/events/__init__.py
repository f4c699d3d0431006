"""Event logs of any platform, read into one vocabulary."""
