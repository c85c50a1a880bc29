"""The errors that the harness raises: each one says what failed and what to do about it."""


class HarnessError(Exception):
    """Something that the person at the keyboard has to know; the command line prints it and ends with 1."""


class ProgramError(HarnessError):
    """A program ended with an error or took too long; the message ends with the last lines that it wrote."""


class MissingError(HarnessError):
    """A program or a package is not there and this harness cannot install it."""


class ForeignClusterError(HarnessError):
    """A kubeconfig or a cluster is not one that the harness made, so the harness does not touch it."""
