"""Debian's packages: installing programs on this machine, and making root file systems for images.

Knows apt and mmdebstrap; does not know what a root file system is used for. Where packages come from is this machine's
own configuration.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import cache, programs
from harness.errors import MissingError, ProgramError
from harness.progress import step

POLICY = Path("/usr/sbin/policy-rc.d")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Never read in a container, and a fifth of a small image.
EXCLUDED_PATHS = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
)


@dataclass(frozen=True)
class RootFilesystem:
    """What mmdebstrap is asked for: a suite, packages, paths of them that are left out, commands before they come."""

    suite: str
    packages: tuple[str, ...]
    excluded_paths: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()

    def options(self) -> list[str]:
        """Return mmdebstrap's options for it."""
        paths = (*EXCLUDED_PATHS, *self.excluded_paths)
        return [
            "--variant=minbase",
            *(f"--dpkgopt=path-exclude={path}" for path in paths),
            f"--include={','.join(self.packages)}",
            *(f"--essential-hook={hook}" for hook in self.hooks),
            # What a hook has written stays when a package brings the same file.
            "--dpkgopt=force-confold",
            '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*',
            '--customize-hook=rm -rf "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/etc/machine-id',
        ]

    def key(self) -> str:
        """Return a hash of all that is asked for."""
        return cache.key(*self.options(), self.suite)


def install(needed: Mapping[str, str]) -> None:
    """Install the packages of programs that are missing here: `needed` gives the package of each program.

    Raises MissingError, with all that is missing, where packages cannot be installed by us.
    """
    missing = {program: package for program, package in needed.items() if programs.find(program) is None}
    if not missing:
        return
    packages = sorted(set(missing.values()))
    if not _can_install():
        raise MissingError(
            f"missing programs: {', '.join(missing)}. Install them (Debian's packages: {' '.join(packages)}), "
            "or start a Docker engine that can reach an image registry."
        )
    with step(f"install {' '.join(packages)}"), _no_daemons():
        _apt_install(packages)


def root(wanted: RootFilesystem, name: str) -> Path:
    """Return a tar file of the root file system `wanted`; it is made once and kept in the cache under `name`."""

    def bootstrap(folder: Path) -> None:
        install({"mmdebstrap": "mmdebstrap"})
        with step(f"make {name} from Debian {wanted.suite}"):
            target = folder / "root.tar"
            programs.run(["mmdebstrap", *wanted.options(), wanted.suite, str(target), *mirrors(wanted.suite)])

    return cache.artifact(name, wanted.key(), bootstrap) / "root.tar"


def mirrors(suite: str) -> list[str]:
    """Return apt source lines for `suite` at the places where this machine gets its own suite from.

    Empty where this machine's sources are not Debian's; mmdebstrap then takes its own default.
    """
    own = _release().get("VERSION_CODENAME", "")
    listing = programs.run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)"])
    found = []
    for line in dict.fromkeys(listing.splitlines()):
        origin, uri, release = line.split("|")
        if origin == "Debian" and (release == own or release.startswith(f"{own}-")):
            found.append(f"deb [signed-by={KEYRING}] {uri} {suite}{release.removeprefix(own)} main")
    return found


def _can_install() -> bool:
    return os.geteuid() == 0 and programs.find("apt-get") is not None and _release().get("ID", "") == "debian"


def _release() -> dict[str, str]:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def _apt_install(packages: Sequence[str]) -> None:
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        programs.run(command, env=quiet)
    except ProgramError:
        # The package lists may be older than what the mirror still has.
        programs.run(["apt-get", "update"], env=quiet)
        programs.run(command, env=quiet)


@contextmanager
def _no_daemons() -> Iterator[None]:
    """Keep packages from starting daemons that nobody asked for, by Debian's own means for it."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
