"""Values and pure decisions of the programs. Nothing here reads a file, opens a session or parses an argument."""
