"""What every program has: how it starts, speaks, stops, counts, and runs workers and PostgreSQL's own programs."""
