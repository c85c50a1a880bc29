"""`kubectl datareplication`, for people at a terminal."""
