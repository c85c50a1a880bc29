"""From a source database to a snapshot."""
