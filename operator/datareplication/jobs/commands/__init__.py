"""The programs' entry points: arguments and environment in, an exit code out. Nothing else imports this package."""
