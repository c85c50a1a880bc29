"""PostgreSQL as the programs see it: the only package that imports psycopg2. It knows no snapshot's files."""
