"""Serve a page's folder to browsers on this machine, with the headers that threads in WebAssembly want."""

import errno
import functools
import io
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from maskpose.errors import InputError, reason

HOST = "127.0.0.1"
# What the page may load: its own files alone. index.html states the same, for other servers.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob: mediastream:; base-uri 'none'; "
    "form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",  # these two let threads share memory
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",  # asks whether a file has changed
}


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder, but no hidden ones and no lists of files."""

    server_version, sys_version = "maskpose", ""
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds without a request, after which a connection is closed
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
    }

    def end_headers(self) -> None:
        """Add HEADERS to every answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Send the headers; return the file that is asked for, or None if there is none."""
        below = Path(self.translate_path(self.path)).relative_to(self.directory)
        if any(part.startswith(".") for part in below.parts):
            self.send_error(404)
            return None
        return super().send_head()

    def list_directory(self, path: object) -> None:
        """Send 404: folders are not listed."""
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""


def open_server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of ``folder`` at HOST, which listens; port 0: any that is free. Raises InputError if it cannot be."""
    handler = functools.partial(Handler, directory=str(folder))
    try:
        return Server((HOST, port), handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use: choose another with --port") from None
        raise InputError(f"port {port} of {HOST} cannot be served: {reason(error)}") from None


class Server(ThreadingHTTPServer):
    """A thread a connection; those that are open do not keep the program from ending."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore that a browser closed a connection early."""
