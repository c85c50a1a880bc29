"""What happens over minutes: each scenario has a scene of its own, so that all of them go on at once."""
