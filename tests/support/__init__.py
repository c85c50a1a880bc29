"""What tests of several kinds share: servers and programs, a cluster in memory, samples of both resources."""
