"""What all programs need: start, log, stop, progress, worker processes, and PostgreSQL's programs as children."""
