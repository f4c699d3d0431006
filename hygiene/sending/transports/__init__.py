"""Ways out for a mail: SMTP, and one file per provider's API."""
