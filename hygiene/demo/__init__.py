"""The built-in sample and the local servers that play it."""
