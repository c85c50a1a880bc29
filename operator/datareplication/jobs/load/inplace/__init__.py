"""The strategy InPlace: the rows of the target's tables are replaced in one transaction."""
