"""The strategy Swap: a new database is built beside the target, and takes its place."""
