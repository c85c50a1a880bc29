"""All that the programs ask of PostgreSQL: the only package that imports psycopg2. It knows no file of a snapshot."""
