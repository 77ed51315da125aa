"""The virtual environment of the comparison, and the machine it runs on. Standard library only."""

import hashlib
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
REPOSITORY = BENCH.parent
REQUIREMENTS = BENCH / "requirements.txt"
VIRTUAL_ENVIRONMENT = REPOSITORY / ".venv-bench"
CACHE = VIRTUAL_ENVIRONMENT / "cache"
# Reference data and photos, as the tests find them; everything works without.
SHARED = Path(os.environ.get("NITERU_TEST_SHARED") or REPOSITORY.parent / "shared")

_FLAGS = (
    "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8",
    "asimd", "asimddp", "i8mm", "bf16",
)  # fmt: skip
# ONNX Runtime reports its use to its makers unless it is told not to before it is loaded.
_NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}
_FOREIGN_SETTINGS = ("OPENBLAS_", "OMP_", "MKL_", "KMP_", "GOMP_", "RAYON_", "ORT_", "OV_")


class SetupError(Exception):
    """What the comparison needs is missing; the message says what to do."""


def child_environment() -> dict[str, str]:
    """This process's variables without those that steer thread pools (each contender is told its threads)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_SETTINGS)}
    return kept | _NO_TELEMETRY


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def enter_virtual_environment(environment: Path = VIRTUAL_ENVIRONMENT, requirements: Path = REQUIREMENTS) -> None:
    """Returns inside the virtual environment; outside, makes it if needed and runs the same command in it."""
    if Path(sys.prefix).resolve() == environment.resolve():
        os.environ.update(_NO_TELEMETRY)
        return
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = environment / "requirements.stamp"
    wanted = f"{platform.python_version()} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"installing the pinned packages into {environment.name} …", file=sys.stderr, flush=True)
        venv.create(environment, clear=True, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", requirements]
        if subprocess.run(install).returncode != 0:
            raise SetupError(f"pip could not install {requirements}: see its message above")
        stamp.write_text(wanted)
    completed = subprocess.run([python, *sys.argv], env=child_environment())
    sys.exit(completed.returncode)


def describe_machine(packages: tuple[str, ...]) -> dict[str, object]:
    """Processor, instruction sets, cores, load and versions: what a reader needs to judge the figures."""
    from importlib.metadata import version

    model, flags = _processor()
    return {
        "processor": model,
        "instruction_sets": [flag for flag in _FLAGS if flag in flags],
        "cores": cores(),
        "memory_gib": _memory_gib(),
        "load_average_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {package: version(package) for package in packages},
    }


def _processor() -> tuple[str, set[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value.strip())
    flags = set((fields.get("flags") or fields.get("features") or "").split())
    return fields.get("model name") or platform.machine(), flags


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None
