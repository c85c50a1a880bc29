"""`make demo`: production's data in dev, staging and QA, on a real cluster, in front of your eyes."""
