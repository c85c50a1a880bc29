"""A certificate authority for one cluster's database servers, made by openssl once and kept beside the cluster's files."""

from dataclasses import dataclass
from pathlib import Path

from harness import cache, programs

DAYS = "3650"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Authority:
    """The folder of an authority: `ca.crt`, `ca.key`, and a pair per server."""

    folder: Path

    @property
    def certificate(self) -> str:
        """Return the authority's certificate, PEM."""
        return (self.folder / "ca.crt").read_text()

    def server(self, *hosts: str) -> tuple[str, str]:
        """Return certificate and key, PEM, of the server with these host names."""
        stem = f"{hosts[0]}-{cache.key(*hosts)[:8]}"
        certificate, key = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        if not certificate.exists():
            self._issue(hosts, certificate, key)
        return certificate.read_text(), key.read_text()

    def _issue(self, hosts: tuple[str, ...], certificate: Path, key: Path) -> None:
        issuer: list[str | Path] = ["-CA", self.folder / "ca.crt", "-CAkey", self.folder / "ca.key"]
        known = ",".join(f"DNS:{host}" for host in hosts)
        names = ["-subj", f"/CN={hosts[0]}", "-addext", f"subjectAltName={known}"]
        _request("-x509", *issuer, *names, "-addext", "basicConstraints=CA:FALSE", "-keyout", key, "-out", certificate)


def authority(folder: Path) -> Authority:
    """Return the authority that lies in `folder`, made when it is not there."""
    made = Authority(folder)
    with cache.lock("authority"):
        if not (folder / "ca.crt").exists():
            folder.mkdir(parents=True, exist_ok=True)
            _request("-x509", "-subj", "/CN=lab", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    return made


def _request(*arguments: str | Path) -> None:
    openssl = programs.require("openssl", "install openssl")
    programs.run([openssl, "req", *CURVE, "-days", DAYS, *arguments])
