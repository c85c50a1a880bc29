"""Breaks and watches the traffic between the operator and a real API server. Does not know how the operator decides."""
