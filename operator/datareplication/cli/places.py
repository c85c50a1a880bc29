"""kubectl's own options that every command has. Without the client, so that help comes at once."""

import click

NAMES = ("namespace", "context", "kubeconfig")


def options() -> list[click.Parameter]:
    """Return the options for the place to look at."""
    return [
        click.Option(["-n", "--namespace"], metavar="NAME", help="Namespace (default: that of the context)."),
        click.Option(["--context"], metavar="NAME", help="Context of the kubeconfig."),
        click.Option(["--kubeconfig"], metavar="FILE", help="The kubeconfig (default: KUBECONFIG, ~/.kube/config)."),
    ]
