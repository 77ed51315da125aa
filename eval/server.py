#!/usr/bin/env python3
"""Whether the server bears what it is given: hours of mixed work with restarts, and requests that nobody meant.

`soak` uploads, searches, inspects, deletes and cancels from several threads while the server is ended every so often,
every second time by force. After each restart whatever was answered as done before must be there; in the end each kind of work
must have been done often enough, and `niteru check` must find nothing. `fuzz` lets schemathesis, installed into a virtual
environment of its own, try the OpenAPI document; no answer may be a fault of the server (5xx).
Exit codes: 0 done; 1 something was found; 2 something is missing.
"""

import argparse
import http.client
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    add("--least", type=float, default=1, metavar="N", help="of each kind of work, accepted a minute of the soak (default: %(default)s)")
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


class Kept:
    """What the server has answered as done, and what may undo it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # By sha256: when the last upload that was taken was begun, and when the last removal had ended, however it did.
        self.added: dict[str, float] = {}
        self.removed: dict[str, float] = {}
        self.inspections: set[int] = set()

    def add(self, begun: float, hashes: list[str]) -> None:
        with self.lock:
            for sha256 in hashes:
                self.added[sha256] = max(begun, self.added.get(sha256, begun))

    def remove(self, sha256: str) -> None:
        with self.lock:
            self.removed[sha256] = time.monotonic()

    def expected(self) -> set[str]:
        """What must be in the collection once no job adds to it: uploads that no removal can have met."""
        with self.lock:
            return {sha256 for sha256, begun in self.added.items() if begun > self.removed.get(sha256, float("-inf"))}


class Work:
    """What users do, in any order."""

    # What may have gone, or come to its end, through another thread. All else is to be accepted, as long as the server is there.
    MAY_MISS = {"like": {404}, "delete": {404}, "cancel": {404, 409}}

    def __init__(self, server: Server, photos: list[Path]) -> None:
        self.server = server
        self.photos = photos
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.kept = Kept()
        self.compared: Counter[str] = Counter()
        self.stopping = threading.Event()
        self.restarting = threading.Event()
        self.kinds = [self.upload, self.search, self.like, self.inspect, self.delete, self.cancel, self.duplicates, self.look]
        self.turns = threading.Condition()
        self.working = 0
        self.paused = False

    def run(self, seed: int) -> None:
        chance = random.Random(seed)
        kinds = [*self.kinds, self.search, self.inspect]
        while not self.stopping.is_set():
            with self._turn():
                if not self._try(chance.choice(kinds), chance):
                    return

    def _try(self, work: Callable[[random.Random], None], chance: random.Random) -> bool:
        name = work.__name__
        try:
            work(chance)
            self.done[name] += 1
        except urllib.error.HTTPError as error:
            self.done[f"{name}: {error.code}"] += 1
            if error.code != 503 and error.code not in self.MAY_MISS.get(name, ()):
                self.faults.append(f"{name}: {error.code} {error.read().decode(errors='replace')[:300]}")
        except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
            self.done[f"{name}: cut off"] += 1
            if not self.restarting.is_set() and self.server.process.poll() is not None:
                self.faults.append(f"{name}: the server is gone: {error}")
                return False
            time.sleep(0.5)
        return True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self.turns:
            self.turns.wait_for(lambda: not self.paused)
            self.working += 1
        try:
            yield
        finally:
            with self.turns:
                self.working -= 1
                self.turns.notify_all()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nobody does anything meanwhile."""
        with self.turns:
            self.paused = True
            self.turns.wait_for(lambda: self.working == 0)
        try:
            yield
        finally:
            with self.turns:
                self.paused = False
                self.turns.notify_all()

    def compare(self, patience: float = 600) -> None:
        """Notes what is not there although the server had answered that it was done."""
        end = time.monotonic() + patience
        while (open_jobs := [job for job in self.server.ask("GET", "/api/jobs?limit=500")["jobs"] if job["state"] in ("queued", "running")]):
            if time.monotonic() > end:
                self.faults.append(f"{len(open_jobs)} jobs do not come to their end")
                return
            time.sleep(0.5)
        there = set()
        page = {"next": 0}
        while page["next"] is not None:
            after = f"&after={page['next']}" if page["next"] else ""
            page = self.server.ask("GET", f"/api/collections/soak/images?limit=1000{after}")
            there.update(image["sha256"] for image in page["images"])
        expected = self.kept.expected()
        if lost := expected - there:
            self.faults.append(f"{len(lost)} of {len(expected)} uploads that were taken are lost: {', '.join(sorted(lost)[:5])}")
        self.compared["images"] += len(expected)
        for inspection in self.kept.inspections:
            try:
                self.server.ask("GET", f"/api/history/{inspection}")
            except urllib.error.HTTPError as error:
                self.faults.append(f"inspection {inspection} that was answered is lost: {error.code}")
        self.compared["inspections"] += len(self.kept.inspections)
        # They were there after a restart; those that come next are the question.
        self.kept.inspections.clear()

    def _send(self, chance: random.Random, count: int) -> tuple[dict[str, Any], float]:
        begun = time.monotonic()
        return self.server.ask("POST", "/api/collections/soak/images", files=chance.sample(self.photos, count), query={}), begun

    def upload(self, chance: random.Random) -> None:
        sent, begun = self._send(chance, 5)
        self.kept.add(begun, [upload["sha256"] for upload in sent["uploads"]])

    def search(self, chance: random.Random) -> None:
        self.server.ask("POST", "/api/collections/soak/search/upload", files=[chance.choice(self.photos)], query={"k": 10})

    def _one(self, chance: random.Random) -> dict[str, Any] | None:
        images = self.server.ask("GET", "/api/collections/soak/images?limit=100")["images"]
        return chance.choice(images) if images else None

    def like(self, chance: random.Random) -> None:
        if (image := self._one(chance)) is not None:
            self.server.ask("POST", "/api/collections/soak/search", {"like": [image["id"]], "k": 20})

    def inspect(self, chance: random.Random) -> None:
        found = self.server.ask("POST", "/api/inspectors/soak/inspect", files=[chance.choice(self.photos)], query={})
        self.kept.inspections.add(found["id"])

    def delete(self, chance: random.Random) -> None:
        if (image := self._one(chance)) is not None:
            try:
                self.server.ask("POST", "/api/collections/soak/images/remove", {"ids": [image["id"]]})
            finally:
                # Also where no answer came: it may have been done.
                self.kept.remove(image["sha256"])

    def cancel(self, chance: random.Random) -> None:
        # What a job has added before it was cancelled is nobody's promise.
        job = self._send(chance, 20)[0]["job"]
        time.sleep(chance.random())
        if job:
            self.server.ask("POST", f"/api/jobs/{job['id']}/cancel")

    def duplicates(self, _: random.Random) -> None:
        self.server.ask("GET", "/api/collections/soak/duplicates")

    def look(self, _: random.Random) -> None:
        for path in ("/api/collections", "/api/inspectors", "/api/jobs", "/api/history", "/api/storage"):
            self.server.ask("GET", path)

    def too_few(self, least: float) -> list[str]:
        """The kinds of work that were not accepted often enough, or never compared after a restart."""
        kinds = {kind.__name__: self.done[kind.__name__] for kind in self.kinds}
        few = [f"{name}: accepted {count} times, and {least:.0f} are asked for" for name, count in kinds.items() if count < least]
        return few + [f"no {what} were compared after a restart" for what in ("images", "inspections") if not self.compared[what]]


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
    # Once cleanly and once by force at the least, however short it is.
    pause = min(options.restart, 60 * options.minutes / 2)
    restarts = 0
    while not users.faults and time.monotonic() < end:
        time.sleep(max(0.0, min(pause, end - time.monotonic())))
        users.restarting.set()
        restarts += 1
        server.end(by_force=restarts % 2 == 0)
        server.start()
        users.restarting.clear()
        with users.quiet():
            users.compare()
    users.stopping.set()
    for thread in threads:
        thread.join()
    if not users.faults:
        users.faults += users.too_few(max(1, options.least * options.minutes))
    memory = [line.split()[1] for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    server.end(by_force=False)
    check = subprocess.run([BINARY, "--home", server.home, "check"], capture_output=True, text=True)
    print(json.dumps(dict(sorted(users.done.items())), indent=2))
    print(f"compared after restarts: {dict(users.compared)}")
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
