"""Snapshots on their volume: written, read, listed, verified, pruned. Nothing here knows PostgreSQL."""
