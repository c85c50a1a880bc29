"""From a snapshot to a target database, and back."""
