"""What the demo and the cluster tests stand on: real PostgreSQL servers with TLS, and the operator, in a kind cluster."""
