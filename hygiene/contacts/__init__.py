"""A contact list: from any platform's export to the rows that are safe to mail, and the others with why."""
