"""A snapshot on its volume: written, read, listed, verified, pruned. PostgreSQL is not known here."""
