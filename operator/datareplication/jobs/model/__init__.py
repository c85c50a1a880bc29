"""What the programs think in: values and pure decisions. No file, no session, no argument is known here."""
