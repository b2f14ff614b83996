"""A stand-in for the Hub on loopback that speaks what the real client asks of it.

Requests and headers are those of huggingface_hub: repository creation, branches, model info with
file sizes, preupload, the LFS batch and its uploads, commits as NDJSON, and downloads by HEAD with
``X-Repo-Commit`` and ``ETag``, large files behind a redirect that honours ``Range``. Spaces are
kept under 'spaces/user/name', with their sdk, hardware and variables.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LFS_SUFFIX = ".safetensors"
_PIECE = 1 << 17


@dataclass
class Repository:
    """Commits of a repository: each is a whole tree."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    sdk: str | None = None  # of a Space, and what follows
    hardware: str | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, changed: dict[str, bytes | None]) -> str:
        """A new commit with these files; None deletes one."""
        tree = dict(self.commits.get(self.refs.get(branch, ""), {})) | changed
        tree = {name: content for name, content in tree.items() if content is not None}
        told = json.dumps([len(self.commits), sorted((n, _sha256(b)) for n, b in tree.items())])
        oid = hashlib.sha1(told.encode()).hexdigest()
        self.commits[oid], self.refs[branch] = tree, oid
        return oid

    def resolve(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.refs.get(revision)


class StandInHub:
    """State of the server; ``requests`` are (method, path) as they came."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}  # what LFS holds, by sha256
        self.members = {"Bearer hf_member"}  # may see gated and private repositories
        self.paying = True  # whether Spaces on free hardware may be made
        self.requests: list[tuple[str, str]] = []
        self.failing = 0  # status that every answer has instead; 0 for none
        self.truncated = False
        self.pace = 0.0  # seconds before each piece of a large file
        self.endpoint = ""
        self.storage = (
            ""  # another host, as the real one: the client then asks it no more than bytes
        )

    def add(self, name: str, files: dict[str, bytes], **kind: Any) -> str:
        """A repository with one commit; returns it."""
        repository = self.repositories.setdefault(name, Repository(**kind))
        return repository.commit("main", files)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._route()

    def do_HEAD(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self._route()

    def do_PUT(self) -> None:
        self._route()

    def do_DELETE(self) -> None:
        self._route()

    # --- answers ----------------------------------------------------------------------------

    def _say(self, content: object, status: int = 200, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            for start in range(0, len(body), _PIECE):
                time.sleep(self.hub.pace if len(body) > _PIECE else 0)
                self.wfile.write(body[start : start + _PIECE])

    def _refuse(self, status: int, code: str) -> None:
        self._say({"error": code}, status, X_Error_Code=code, X_Error_Message=code)

    # --- requests ---------------------------------------------------------------------------

    def _route(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(size)
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, path))
        if self.hub.failing:
            return self._refuse(self.hub.failing, "Failing")
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            return self._create()
        if path == "/api/validate-yaml":
            return self._say({"errors": [], "warnings": []})
        if parts[0] == "lfs":
            return self._object(parts[1])
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._batch()
        api = parts[:2] in (["api", "models"], ["api", "spaces"])
        name = "/".join(parts[2:4] if api else parts[:2])
        if parts[:2] == ["api", "spaces"]:
            name = f"spaces/{name}"
        repository = self.hub.repositories.get(name)
        member = self.headers.get("Authorization") in self.hub.members
        if repository is None or (repository.private and not member):
            return self._refuse(404 if member else 401, "RepoNotFound")
        if api:
            if repository.sdk and self.command != "GET" and not member:
                return self._refuse(403, "NoRights")
            return self._api(name, repository, parts[4:])
        if repository.gated and not member:
            return self._refuse(403, "GatedRepo")
        return self._resolve(repository, parts[3], "/".join(parts[4:]))

    def _create(self) -> None:
        asked = json.loads(self.body)
        if not self.headers.get("Authorization"):
            return self._refuse(401, "Unauthorized")
        name = f"{asked['organization']}/{asked['name']}"
        if asked.get("type") == "space":
            name = f"spaces/{name}"
            if self.headers.get("Authorization") not in self.hub.members:
                return self._refuse(403, "NoRights")
            if not self.hub.paying:
                return self._refuse(402, "PaymentRequired")
        url = f"{self.hub.endpoint}/{name}"
        if name in self.hub.repositories:
            return self._say({"error": "exists", "url": url}, 409)
        private = asked.get("visibility") == "private"
        kind = {"sdk": asked.get("sdk"), "hardware": asked.get("hardware")}
        self.hub.repositories[name] = Repository(private=private, **kind)
        self.hub.repositories[name].commit("main", {".gitattributes": b"*.safetensors lfs\n"})
        return self._say({"url": url, "name": name})

    def _api(self, name: str, repository: Repository, rest: list[str]) -> None:
        if not rest or rest[0] == "revision":
            return self._info(name, repository, "/".join(rest[1:]) or "main")
        if rest[0] == "variables":
            return self._variables(repository)
        if rest[0] == "hardware":
            repository.hardware = json.loads(self.body)["flavor"]
            return self._say({"stage": "BUILDING", "hardware": {}})
        branch = "/".join(rest[1:])
        if rest[0] == "branch":
            if branch in repository.refs:
                return self._refuse(409, "BranchExists")
            repository.refs[branch] = repository.refs["main"]
            return self._say({})
        if repository.resolve(branch) is None:
            return self._refuse(404, "RevisionNotFound")
        if rest[0] == "preupload":
            return self._preupload()
        return self._commit(name, repository, branch)

    def _info(self, name: str, repository: Repository, revision: str) -> None:
        commit = repository.resolve(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound")
        siblings = [
            {"rfilename": file, "size": len(content), "blobId": _blob_id(content)}
            for file, content in repository.commits[commit].items()
        ]
        gated = "manual" if repository.gated else False
        answer = {"id": name, "modelId": name, "sha": commit, "siblings": siblings}
        answer |= {"sdk": repository.sdk} if repository.sdk else {}
        return self._say(answer | {"private": repository.private, "gated": gated, "tags": []})

    def _variables(self, repository: Repository) -> None:
        if self.command != "GET":
            asked = json.loads(self.body)
            repository.variables.pop(asked["key"], None)
            if self.command == "POST":
                repository.variables[asked["key"]] = asked["value"]
        return self._say({key: {"value": v} for key, v in repository.variables.items()})

    def _preupload(self) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LFS_SUFFIX) else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        return self._say({"files": modes})

    def _batch(self) -> None:
        objects = [
            {
                "oid": item["oid"],
                "size": item["size"],
                "actions": {"upload": {"href": f"{self.hub.endpoint}/lfs/{item['oid']}"}},
            }
            for item in json.loads(self.body)["objects"]
        ]
        return self._say({"transfer": "basic", "objects": objects})

    def _object(self, oid: str) -> None:
        if self.command == "PUT":
            if _sha256(self.body) != oid:
                return self._refuse(400, "WrongHash")
            self.hub.objects[oid] = self.body
            return self._say(b"")
        content = self.hub.objects[oid]
        start = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0]
        status = 206 if "Range" in self.headers else 200
        return self._say(content[int(start) :], status, ETag=f'"{oid}"', Accept_Ranges="bytes")

    def _commit(self, name: str, repository: Repository, branch: str) -> None:
        changed = {}
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                changed[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                changed[value["path"]] = self.hub.objects[value["oid"]]
            elif item["key"] == "deletedFile":
                changed[value["path"]] = None
        oid = repository.commit(branch, changed)
        url = f"{self.hub.endpoint}/{name}"
        return self._say({"commitUrl": f"{url}/commit/{oid}", "commitOid": oid})

    def _resolve(self, repository: Repository, revision: str, file: str) -> None:
        commit = repository.resolve(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound")
        content = repository.commits[commit].get(file)
        if content is None:
            return self._refuse(404, "EntryNotFound")
        if file.endswith(LFS_SUFFIX):
            oid = _sha256(content)
            self.hub.objects[oid] = content[:-1] if self.hub.truncated else content
            return self._say(
                b"",
                302,
                Location=f"{self.hub.storage}/lfs/{oid}",
                X_Repo_Commit=commit,
                X_Linked_Etag=f'"{oid}"',
                X_Linked_Size=str(len(content)),
            )
        return self._say(content, ETag=f'"{_blob_id(content)}"', X_Repo_Commit=commit)


@contextmanager
def stand_in_hub() -> Iterator[StandInHub]:
    """A running server on a free port of loopback."""
    hub = StandInHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    hub.storage = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
