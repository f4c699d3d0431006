"""What a mail says and how it is built: subject, preheader, HTML, text, links. Rules → findings, no network."""
