"""Sections → terminal, HTML, Markdown. Knows findings and nothing of audits, lists or KPIs."""
