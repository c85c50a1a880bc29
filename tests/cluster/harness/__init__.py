"""Real Kubernetes clusters for the tests and the demo: kind, its node image, shared volumes and the project's images.

Runs on a plain system Python (standard library only), because bringing up a cluster may be the first thing that
somebody does in a fresh checkout. Knows nothing about the operator except how its images are put together.
"""
