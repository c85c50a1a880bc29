"""Answers the API server's admission requests; each path has its own fixed answer.

Runs as a pod, from the standard library alone: a folder with `answers.json` (path -> response), certificate and key.
"""

import base64
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 8443


def answered(review: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    """Return the AdmissionReview that answers another. response: `patch`, a JSON patch, or `denied`, a message."""
    uid = review["request"]["uid"]
    told: dict[str, Any] = {"uid": uid, "allowed": True}
    if "denied" in response:
        told = {"uid": uid, "allowed": False, "status": {"code": 403, "message": response["denied"]}}
    if "patch" in response:
        patch = base64.b64encode(json.dumps(response["patch"]).encode()).decode()
        told |= {"patchType": "JSONPatch", "patch": patch}
    return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": told}


def serve(folder: Path) -> None:
    """Serve for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            responses = json.loads((folder / "answers.json").read_text())
            body = json.dumps(answered(review, responses[self.path.partition("?")[0]])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    server = ThreadingHTTPServer(("", PORT), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
