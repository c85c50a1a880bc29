"""The shell around PostgreSQL and the snapshot's volume: the two programs. It never talks to Kubernetes."""
