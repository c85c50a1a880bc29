"""The harness's command line: `python3 -m harness up|down|images|kubeconfig|env`."""

import argparse
import os
import sys

from harness import cluster, engine, images, lifecycle, tools
from harness.errors import HarnessError
from harness.progress import say


def main() -> int:
    """Run one verb; return the exit code."""
    options = _parser().parse_args()
    try:
        options.verb(options)
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="harness", description="Kubernetes clusters for the tests and the demo.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    up = verbs.add_parser("up", help="bring a cluster up, unless it is")
    up.add_argument("--nodes", type=int, choices=sorted(cluster.DEFAULT_NAMES), default=1)
    up.add_argument("--name", default="", help=f"default: {' or '.join(cluster.DEFAULT_NAMES.values())}")
    up.set_defaults(verb=_up)
    down = verbs.add_parser("down", help="delete a cluster")
    down.add_argument("--name", default=cluster.DEFAULT_NAMES[1])
    down.add_argument("--all", action="store_true", help="every cluster of ours, and the private Docker engine")
    down.set_defaults(verb=_down)
    build = verbs.add_parser("images", help="build the project's images and load them into the running clusters")
    build.add_argument("image", nargs="*", help=f"of {', '.join(images.ALL)} (default: {' '.join(images.DEFAULT)})")
    build.add_argument("--name", default="", help="one cluster (default: every running one that is not paused)")
    build.set_defaults(verb=_images)
    for name, verb, text in (
        ("kubeconfig", _kubeconfig, "print the path of a cluster's kubeconfig"),
        ("env", _env, "print shell exports: DOCKER_HOST, KUBECONFIG, PATH"),
    ):
        parsed = verbs.add_parser(name, help=text)
        parsed.add_argument("--name", default=cluster.DEFAULT_NAMES[1])
        parsed.set_defaults(verb=verb)
    return parser


def _up(options: argparse.Namespace) -> None:
    made = lifecycle.up(options.name, options.nodes)
    say(f"use it:  export KUBECONFIG={made.kubeconfig} PATH={tools.ensure()}:$PATH")


def _down(options: argparse.Namespace) -> None:
    if options.all:
        lifecycle.down_all()
    else:
        lifecycle.down(options.name)


def _images(options: argparse.Namespace) -> None:
    unknown = sorted(set(options.image) - set(images.ALL))
    if unknown:
        raise HarnessError(f"there is no image {', '.join(unknown)}; there are {', '.join(images.ALL)}")
    running = engine.ensure()
    names = [options.name] if options.name else lifecycle.names(running)
    found = [lifecycle.find(name) for name in names]
    clusters = [one for one in found if options.name or not one.paused()]
    images.ensure(running, clusters, options.image or images.DEFAULT)


def _kubeconfig(options: argparse.Namespace) -> None:
    say(str(cluster.kubeconfig(options.name)))


def _env(options: argparse.Namespace) -> None:
    running = engine.find()
    values = running.environment() if running else {}
    values = {**values, "KUBECONFIG": str(cluster.kubeconfig(options.name))}
    path = f"{tools.ensure()}{os.pathsep}$PATH"
    for name, value in values.items():
        say(f"export {name}='{value}'")
    say(f'export PATH="{path}"')


if __name__ == "__main__":
    sys.exit(main())
