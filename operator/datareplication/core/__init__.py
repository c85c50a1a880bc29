"""Decisions: pure functions of their arguments. No client, clock, environment or randomness is reached from here."""
