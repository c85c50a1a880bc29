"""The programs' front: arguments and environment in, an exit code out. Nothing else imports it."""
