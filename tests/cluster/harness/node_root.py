"""The files of a self-built node image: a Debian root file system with Kubernetes' programs and their images in it.

Puts files together in a folder; does not know the Docker engine that makes an image of it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from harness import archive, debian, gobuild, image_store, programs, versions

FILES = Path(__file__).parent / "files" / "node"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "kmod", "procps", "mount", "util-linux", "bash", "hostname"),
    *("containerd", "runc", "containernetworking-plugins", "iptables", "nftables", "conntrack", "ethtool", "socat"),
    *("iproute2", "iputils-ping", "ca-certificates"),
)
# Our own programs in it, as module and package.
PROGRAMS = (("kubernetes", "node"), ("kubernetes", "pause"), ("coredns", "."))
PODNET = "registry.k8s.io/podnet:v1"
# Programs of the `node` binary: those that start from an image, and those that start on the node itself.
IMAGE_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd", "podnet")
NODE_PROGRAMS = ("kubelet", "kubeadm", "kubectl", "crictl")
IPTABLES_NAMES = tuple(f"{family}{name}" for family in ("iptables", "ip6tables") for name in ("", "-save", "-restore"))
USELESS_UNITS = (
    *("systemd-binfmt.service", "systemd-udevd.service", "systemd-logind.service", "systemd-remount-fs.service"),
    *("systemd-firstboot.service", "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service"),
    *("getty.target", "console-getty.service", "modprobe@.service", "proc-sys-fs-binfmt_misc.automount"),
    *("dev-hugepages.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer"),
    *("e2scrub_all.timer", "e2scrub_reap.service"),
)


@dataclass(frozen=True)
class Parts:
    """What a node is put together from; each is a file in the cache."""

    debian: Path
    node: Path
    pause: Path
    coredns: Path


def make_parts() -> Parts:
    """Build or find the parts."""
    node, pause, coredns = (gobuild.program(module, package) for module, package in PROGRAMS)
    return Parts(_debian_root(), node, pause, coredns)


def assemble(parts: Parts, work: Path) -> Path:
    """Put a node's root file system together inside the folder `work` and return where it is."""
    root = work / "node"
    root.mkdir()
    programs.run(["tar", "-C", root, "-xf", parts.debian, "--exclude=./dev/*"])
    names = _image_names(parts, work)
    images = [_control_plane_image(parts, root, work, names), _pause_image(parts, work, names)]
    store = image_store.fill(work / "containerd", images)
    (root / "var/lib/containerd").mkdir(parents=True, exist_ok=True)
    programs.run(["cp", "-a", f"{store}/.", root / "var/lib/containerd"])
    _install_programs(parts, root)
    _install_files(root, names)
    _configure_systemd(root)
    return root


def _debian_root() -> Path:
    wanted = debian.RootFilesystem(versions.NODE_SUITE, PACKAGES)
    return debian.root(wanted, "node-debian")


def _image_names(parts: Parts, work: Path) -> list[str]:
    """Ask kubeadm itself which images it will start."""
    kubeadm = work / "kubeadm"
    kubeadm.symlink_to(parts.node)
    return programs.run([kubeadm, "config", "images", "list", "--kubernetes-version", versions.KUBERNETES]).split()


def _control_plane_image(parts: Parts, root: Path, work: Path, names: list[str]) -> tuple[Path, Path]:
    """Make one image, under all the names that kubeadm and the pod network use, with every program in it."""
    content = work / "control-plane"
    for folder in ("usr/local/bin", "usr/sbin", "usr/bin", "usr/lib", "usr/lib64", "etc", "tmp", "var", "run", "proc"):
        (content / folder).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (content / name).symlink_to(f"usr/{name}")
    (content / "tmp").chmod(0o1777)
    (content / "etc/passwd").write_text("root:x:0:0:root:/:/bin/false\n", encoding="utf-8")
    (content / "etc/group").write_text("root:x:0:\n", encoding="utf-8")
    programs.run(["cp", parts.node, content / "usr/local/bin/node"])
    for name in IMAGE_PROGRAMS:
        (content / "usr/local/bin" / name).symlink_to("node")
    # The others are started by a command of their manifest; CoreDNS by its image's entry point.
    programs.run(["cp", parts.coredns, content / "coredns"])
    _copy_packet_filters(root, content)
    return archive.pack(content, "/coredns", [name for name in names if "/pause:" not in name] + [PODNET])


def _pause_image(parts: Parts, work: Path, names: list[str]) -> tuple[Path, Path]:
    content = work / "pause"
    content.mkdir()
    programs.run(["cp", parts.pause, content / "pause"])
    return archive.pack(content, "/pause", [_pause_name(names)])


def _pause_name(names: list[str]) -> str:
    return next(name for name in names if "/pause:" in name)


def _copy_packet_filters(root: Path, content: Path) -> None:
    """Copy what kube-proxy and the pod network call: iptables, its extensions, nft, and all their libraries."""
    extensions = sorted((root / "usr/lib").glob("*-linux-*/xtables/*.so"))
    binaries = ["/usr/sbin/xtables-nft-multi", "/usr/sbin/nft"]
    binaries += [f"/{path.relative_to(root)}" for path in extensions]
    listing = programs.run(["chroot", root, "ldd", *binaries])
    for name in {*binaries, *re.findall(r"(/\S+) \(0x", listing)}:
        # /lib is a link to /usr/lib in both trees.
        path = name if name.startswith("/usr/") else f"/usr{name}"
        target = content / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        programs.run(["cp", "--dereference", f"{root}{path}", target])
    for name in IPTABLES_NAMES:
        (content / "usr/sbin" / name).symlink_to("xtables-nft-multi")


def _install_programs(parts: Parts, root: Path) -> None:
    programs.run(["cp", parts.node, root / "usr/bin/node"])
    for name in NODE_PROGRAMS:
        (root / "usr/bin" / name).symlink_to("node")
    for folder in ("etc/kubernetes/manifests", "etc/cni/net.d", "opt/cni", "lib/modules", "kind"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "opt/cni/bin").symlink_to("/usr/lib/cni")


def _install_files(root: Path, names: list[str]) -> None:
    values = {"@PAUSE@": _pause_name(names), "@PODNET@": PODNET}
    for source in sorted(path for path in FILES.rglob("*") if path.is_file()):
        text = source.read_text(encoding="utf-8")
        for mark, value in values.items():
            text = text.replace(mark, value)
        target = root / source.relative_to(FILES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    (root / "kind/version").write_text(versions.KUBERNETES, encoding="utf-8")


def _configure_systemd(root: Path) -> None:
    systemctl: list[str | Path] = ["chroot", root, "systemctl"]
    programs.run([*systemctl, "enable", "kubelet", "containerd"])
    programs.run([*systemctl, "mask", *USELESS_UNITS])
    programs.run([*systemctl, "set-default", "multi-user.target"])
