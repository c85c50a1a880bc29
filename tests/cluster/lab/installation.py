"""The operator in the cluster, installed as a user installs it: by Helm, with the images built from this checkout."""

from harness import cache, images, programs, tools
from harness.cluster import Cluster, context
from harness.images import CHECKOUT
from lab import databases

NAMESPACE = "datareplication-system"
RELEASE = "datareplication-operator"
CHART = CHECKOUT / "helm" / "datareplication-operator"
TIMEOUT = "180s"


def install(cluster: Cluster, *settings: str, release: str = RELEASE, options: tuple[str, ...] = ()) -> None:
    """Install or upgrade a release and wait until its pod is ready; `settings` are Helm's NAME=VALUE."""
    built = images.ensure(cluster.engine, [cluster], ["operator", "job"])
    of_images = [*_image("image", built["operator"]), *_image("jobImage", built["job"])]
    # As text: a tag may be all digits, which --set takes for a number.
    arguments = [part for setting in of_images for part in ("--set-string", setting)]
    arguments += [part for setting in settings for part in ("--set", setting)]
    # Helm refuses a second upgrade of a release at the same time.
    with cache.lock(f"lab-{cluster.name}"):
        cluster.apply(databases.namespace(NAMESPACE))
        helm(cluster, "upgrade", "--install", release, str(CHART), "--wait", "--timeout", TIMEOUT, *options, *arguments)


def helm(cluster: Cluster, *arguments: str) -> str:
    """Run Helm against the cluster, in the operator's namespace, and return what it prints."""
    tools.ensure()
    address = [
        "--kubeconfig",
        str(cluster.kubeconfig),
        "--kube-context",
        context(cluster.name),
        "--namespace",
        NAMESPACE,
    ]
    return programs.run([tools.helm(), *address, *arguments], timeout_seconds=240)


def _image(value: str, reference: str) -> list[str]:
    repository, _, tag = reference.rpartition(":")
    return [f"{value}.repository={repository}", f"{value}.tag={tag}"]
