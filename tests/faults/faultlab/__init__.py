"""What lies, kills and looks on between the operator and a real API server. Knows nothing of what the operator decides."""
