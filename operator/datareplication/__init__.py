"""Refresh PostgreSQL environments from production: an operator (`controller`) and its two programs (`jobs`)."""
