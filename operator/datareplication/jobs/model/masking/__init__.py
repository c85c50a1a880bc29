"""Masking as values: what a rule is, which types it takes, what the rules decide about a database. Pure."""
