"""A small server on this machine that plays the Hugging Face Hub to its real client, well or badly."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 256 * 1024


@dataclass(frozen=True)
class Request:
    """What was asked for: a path, and where in the file to begin."""

    path: str
    first_byte: int


class FakeHub:
    """Serves a folder's files as a model of any name, or does what `mood` says.

    Moods are an HTTP status that every answer has, or "well", "hang", "login page", and for the weights: "hang in
    weights" (no answer), "stop in weights" (half of them, then nothing), "cut" (half of them, once, then the
    connection ends), "reset" (the same, torn off), "slow" (in small pieces), "flip" (one bit is another one),
    "short" (the second half is missing, and the length says so).
    """

    def __init__(self, folder: Path) -> None:
        self.mood: int | str = "well"
        self.config: dict[str, object] | None = None  # what the listing tells of config.json
        self.asked: list[Request] = []
        self._folder = folder
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def requests(self) -> list[str]:
        """The paths that were asked for."""
        return [request.path for request in self.asked]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _listing(self, name: str) -> bytes:
        files = [{"rfilename": p.name, "size": p.stat().st_size} for p in self._folder.iterdir()]
        extra = [{"rfilename": "pytorch_model.bin", "size": 10**18}, {"rfilename": "onnx/x.onnx", "size": 10**18}]
        listing = {"id": name, "sha": COMMIT, "siblings": files + extra}
        return json.dumps(listing | ({} if self.config is None else {"config": self.config})).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
                first = int(wanted[1]) if wanted else 0
                fake.asked.append(Request(self.path, first))
                is_weights = self.path.endswith(".safetensors")
                if fake.mood == "hang" or (fake.mood == "hang in weights" and is_weights):
                    time.sleep(5)
                elif isinstance(fake.mood, int):
                    self._send(b"{}", status=fake.mood)
                elif fake.mood == "login page":
                    self._send(b"<html>Welcome to our wifi</html>")
                elif self.path.startswith("/api/models/"):
                    self._send(fake._listing(self.path.removeprefix("/api/models/").partition("?")[0]))
                elif self.command == "GET" and is_weights:
                    self._send_weights((fake._folder / self.path.rsplit("/", 1)[1]).read_bytes(), first)
                else:
                    self._send((fake._folder / self.path.rsplit("/", 1)[1]).read_bytes())

            do_HEAD = do_GET

            def _send_weights(self, body: bytes, first: int) -> None:
                mood, half = fake.mood, len(body) // 2
                sent = body[first:]
                if mood == "flip":
                    sent = sent[:-1] + bytes([sent[-1] ^ 1])
                if mood == "short":
                    sent = sent[: half - first]
                self._headers(body, status=206 if first else 200, length=len(sent), first=first)
                if mood in ("cut", "reset", "stop in weights"):
                    self.wfile.write(sent[: half - first])
                    self.wfile.flush()
                    if mood == "stop in weights":
                        time.sleep(5)
                    if mood == "reset":
                        linger = struct.pack("ii", 1, 0)  # so that close() resets
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                        os.close(self.connection.detach())  # before the server ends it in good order
                    fake.mood = "well"
                    self.close_connection = True
                    return
                for start in range(0, len(sent), CHUNK):
                    self.wfile.write(sent[start : start + CHUNK])
                    if mood == "slow":
                        time.sleep(0.1)

            def _send(self, body: bytes, status: int = 200) -> None:
                self._headers(body, status, len(body), 0)
                if self.command == "GET":
                    self.wfile.write(body)

            def _headers(self, body: bytes, status: int, length: int, first: int) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                if status == 206:
                    self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("ETag", f'"{_name(self.path, body)}"')
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _name(path: str, body: bytes) -> str:
    """What the Hub names a file's content by: weights by SHA-256, small files as git does."""
    if path.endswith(".safetensors"):
        return hashlib.sha256(body).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def point_client_at(url: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client of this process talk to another Hub, and keep its files elsewhere."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    monkeypatch.setattr(
        huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
