"""The shell around Kubernetes: observe, ask `core` what to do, do it, report. It never talks to PostgreSQL."""
