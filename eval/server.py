#!/usr/bin/env python3
"""Whether the server bears what it is given: hours of mixed work with restarts, and requests that nobody meant.

`soak` uploads, searches, inspects, deletes and cancels from several threads while the server is ended every so often,
sometimes by force; afterwards `niteru check` must find nothing. `fuzz` lets schemathesis, installed into a virtual
environment of its own, try the OpenAPI document; no answer may be a fault of the server (5xx).
Exit codes: 0 done; 1 something was found; 2 something is missing.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import venv
from collections import Counter
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
BINARY = REPOSITORY / "target" / "release" / ("niteru.exe" if os.name == "nt" else "niteru")
SHARED = Path(os.environ.get("NITERU_TEST_SHARED") or REPOSITORY.parent / "shared")
SCHEMATHESIS = "schemathesis==4.32.5"


class Missing(Exception):
    """Something that is needed is not there; the message says what to do."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("what", choices=("soak", "fuzz"))
    add("--home", type=Path, required=True, help="a home that has the default model; it is not changed")
    add("--minutes", type=float, default=60, metavar="N", help="of the soak (default: %(default)s)")
    add("--restart", type=float, default=300, metavar="S", help="seconds from one restart to the next (default: %(default)s)")
    add("--threads", type=int, default=4, metavar="N", help="of the soak (default: %(default)s)")
    add("--examples", type=int, default=30, metavar="N", help="for each route of the fuzz (default: %(default)s)")
    return parser.parse_args()


class Server:
    """`niteru serve` in a home of its own."""

    def __init__(self, work: Path, models: Path) -> None:
        if not BINARY.is_file():
            raise Missing(f"{BINARY.name} is not built: cargo build --release")
        self.home = work / "home"
        self.home.mkdir()
        # A copy: what is tried may remove models.
        shutil.copytree(models, self.home / "models")
        self.log = (work / "serve.log").open("wb")
        self.port = 0
        self.start()

    def start(self) -> None:
        address = f"127.0.0.1:{self.port}"
        command = [BINARY, "--home", self.home, "--json", "serve", "--addr", address]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        said = json.loads(self.process.stdout.readline() or "{}")
        if "url" not in said:
            raise Missing("the server did not start; its messages are in serve.log")
        self.url = said["url"].rstrip("/")
        self.port = int(self.url.rsplit(":", 1)[1])
        self.csrf = self.ask("GET", "/api/me")["csrf"]

    def end(self, by_force: bool) -> None:
        self.process.send_signal(signal.SIGKILL if by_force else signal.SIGTERM)
        self.process.wait(120)

    def ask(self, method: str, path: str, body: Any = None, files: list[Path] = (), query: Any = None) -> Any:
        headers = {"X-Niteru-CSRF": getattr(self, "csrf", "")}
        data = None
        if files:
            data, headers["Content-Type"] = _form(files, query)
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
        return json.loads(text) if text else None


def _form(files: list[Path], query: Any) -> tuple[bytes, str]:
    border = f"b{random.getrandbits(64):x}"
    parts = []
    if query is not None:
        parts.append(f'Content-Disposition: form-data; name="query"\r\nContent-Type: application/json\r\n\r\n{json.dumps(query)}'.encode())
    for file in files:
        head = f'Content-Disposition: form-data; name="file"; filename="{file.name}"\r\nContent-Type: image/jpeg\r\n\r\n'
        parts.append(head.encode() + file.read_bytes())
    body = b"".join(b"--" + border.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + border.encode() + b"--\r\n", f"multipart/form-data; boundary={border}"


def _finished(server: Server, job: int) -> dict[str, Any]:
    while (found := server.ask("GET", f"/api/jobs/{job}"))["state"] in ("queued", "running"):
        time.sleep(0.2)
    return found


def _photos() -> list[Path]:
    good = sorted((SHARED / "data" / "magnetic-tile" / "good").glob("*.jpg"))
    if len(good) < 100:
        raise Missing("no data/magnetic-tile/good in $NITERU_TEST_SHARED")
    return good


class Work:
    """What users do, in any order. What is not there any more, or not there yet, is no fault."""

    def __init__(self, server: Server, photos: list[Path]) -> None:
        self.server = server
        self.photos = photos
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.stopping = threading.Event()
        self.restarting = threading.Event()

    def run(self, seed: int) -> None:
        chance = random.Random(seed)
        kinds = [self.upload, self.search, self.search, self.like, self.inspect, self.inspect, self.delete, self.cancel, self.duplicates, self.look]
        while not self.stopping.is_set():
            work = chance.choice(kinds)
            try:
                work(chance)
                self.done[work.__name__] += 1
            except urllib.error.HTTPError as error:
                # Jobs that cannot be cancelled any more, images that another thread has removed.
                self.done[f"{work.__name__}: {error.code}"] += 1
                if error.code >= 500 and error.code != 503:
                    self.faults.append(f"{work.__name__}: {error.code} {error.read().decode(errors='replace')[:300]}")
            except (OSError, TimeoutError, json.JSONDecodeError) as error:
                self.done[f"{work.__name__}: cut off"] += 1
                if not self.restarting.is_set() and self.server.process.poll() is not None:
                    self.faults.append(f"{work.__name__}: the server is gone: {error}")
                    return
                time.sleep(0.5)

    def upload(self, chance: random.Random) -> None:
        self.server.ask("POST", "/api/collections/soak/images", files=chance.sample(self.photos, 5), query={})

    def search(self, chance: random.Random) -> None:
        self.server.ask("POST", "/api/collections/soak/search/upload", files=[chance.choice(self.photos)], query={"k": 10})

    def _one(self, chance: random.Random) -> int | None:
        images = self.server.ask("GET", "/api/collections/soak/images?limit=100")["images"]
        return chance.choice(images)["id"] if images else None

    def like(self, chance: random.Random) -> None:
        if (image := self._one(chance)) is not None:
            self.server.ask("POST", "/api/collections/soak/search", {"like": [image], "k": 20})

    def inspect(self, chance: random.Random) -> None:
        self.server.ask("POST", "/api/inspectors/soak/inspect", files=[chance.choice(self.photos)], query={})

    def delete(self, chance: random.Random) -> None:
        if (image := self._one(chance)) is not None:
            self.server.ask("POST", "/api/collections/soak/images/remove", {"ids": [image]})

    def cancel(self, chance: random.Random) -> None:
        photos = chance.sample(self.photos, 20)
        job = self.server.ask("POST", "/api/collections/soak/images", files=photos, query={})["job"]
        time.sleep(chance.random())
        if job:
            self.server.ask("POST", f"/api/jobs/{job['id']}/cancel")

    def duplicates(self, _: random.Random) -> None:
        self.server.ask("GET", "/api/collections/soak/duplicates")

    def look(self, _: random.Random) -> None:
        for path in ("/api/collections", "/api/inspectors", "/api/jobs", "/api/history", "/api/storage"):
            self.server.ask("GET", path)


def _begin(server: Server, name: str, photos: list[Path]) -> None:
    """Makes an empty collection, and an inspector that has learnt from the photos."""
    server.ask("POST", "/api/collections", {"name": name})
    server.ask("POST", f"/api/inspectors/{name}/photos", files=photos, query={"shows": "good"})
    uploads = [photo["sha256"] for photo in server.ask("GET", f"/api/inspectors/{name}/photos")["good"]]
    trained = server.ask("POST", f"/api/inspectors/{name}/train", {"good": {"uploads": uploads}})
    if _finished(server, trained["id"])["state"] != "done":
        raise Missing("the inspector could not be trained")


def _soak(options: argparse.Namespace, work: Path) -> int:
    photos = _photos()
    server = Server(work, options.home / "models")
    _begin(server, "soak", photos[:20])
    users = Work(server, photos)
    threads = [threading.Thread(target=users.run, args=(seed,)) for seed in range(options.threads)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60 * options.minutes
    restarts = 0
    while not users.faults and time.monotonic() < end:
        time.sleep(max(0.0, min(options.restart, end - time.monotonic())))
        users.restarting.set()
        restarts += 1
        server.end(by_force=restarts % 2 == 0)
        server.start()
        users.restarting.clear()
    users.stopping.set()
    for thread in threads:
        thread.join()
    memory = [line.split()[1] for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    server.end(by_force=False)
    check = subprocess.run([BINARY, "--home", server.home, "check"], capture_output=True, text=True)
    print(json.dumps(dict(sorted(users.done.items())), indent=2))
    print(f"{restarts} restarts, every second one by force; memory since the last at most {int(memory[0]) // 1024 if memory else '?'} MB")
    print(f"niteru check: exit code {check.returncode}\n{check.stdout}{check.stderr}")
    for fault in users.faults:
        print("fault:", fault)
    return int(bool(users.faults) or check.returncode != 0)


def _fuzz(options: argparse.Namespace, work: Path) -> int:
    environment = REPOSITORY / ".venv-schemathesis"
    if not environment.is_dir():
        venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    if subprocess.run([scripts / "python", "-m", "pip", "install", "--quiet", SCHEMATHESIS]).returncode != 0:
        raise Missing(f"pip could not install {SCHEMATHESIS}")
    # Most made-up names lead to nothing: asked again with what is there, as long as it is there.
    empty = _try(options, scripts, work / "empty", None)
    filled = _try(options, scripts, work / "filled", _photos()[:20])
    return int(not (empty and filled))


def _try(options: argparse.Namespace, scripts: Path, work: Path, photos: list[Path] | None) -> bool:
    """Whether a home of its own, with these photos in it or empty, has borne all requests and is sound afterwards."""
    work.mkdir()
    server = Server(work, options.home / "models")
    command = [scripts / "schemathesis"]
    if photos:
        _begin(server, "fuzz", photos)
        added = server.ask("POST", "/api/collections/fuzz/images", files=photos, query={})
        _finished(server, added["job"]["id"])
        for photo in photos[:10]:
            server.ask("POST", "/api/inspectors/fuzz/inspect", files=[photo], query={})
        names = work / "names.toml"
        names.write_text('[parameters]\n"path.name" = "fuzz"\n"path.id" = 1\n"path.version" = 1\n')
        command += ["--config-file", names]
    command += ["run", f"{server.url}/api/openapi.json", "--header", f"X-Niteru-CSRF: {server.csrf}"]
    command += ["--checks", "not_a_server_error", "--max-examples", str(options.examples), "--seed", "1", "--request-timeout", "60"]
    # Streams of events do not end, a restore closes the home, and fetching models needs the network.
    left_out = "events$|/restore$|/pull$|/samples$"
    if photos:
        # Whoever makes the first user is asked for a password from then on.
        left_out += "|/setup$|/users$"
        command += ["--exclude-method", "DELETE"]
    command += ["--exclude-path-regex", left_out]
    found = subprocess.run(command, cwd=work).returncode
    alive = server.process.poll() is None
    server.end(by_force=False)
    check = subprocess.run([BINARY, "--home", server.home, "check"], capture_output=True, text=True)
    print(f"the server is {'there' if alive else 'gone'}; niteru check: exit code {check.returncode}\n{check.stdout}{check.stderr}", flush=True)
    return found == 0 and alive and check.returncode == 0


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="niteru-eval-", ignore_cleanup_errors=True) as folder:
        return {"soak": _soak, "fuzz": _fuzz}[options.what](options, Path(folder))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as missing:
        print(f"server: {missing}", file=sys.stderr)
        sys.exit(2)
