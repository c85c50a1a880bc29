"""Runs orchestrators with the examples, each in its own environment, against the cluster of the lab."""
