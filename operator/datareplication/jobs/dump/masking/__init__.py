"""Masking in the dump: the rules' file, the word lists, the check before the first row, the masked copies."""
