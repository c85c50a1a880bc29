"""What the plugin says: objects and a time in, answers and pages out. Pure."""
