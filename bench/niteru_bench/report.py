"""What was measured, and how it is written down."""

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT_VERSION = 2


@dataclass
class Row:
    """One contender's figures for one model and batch size."""

    name: str
    runtime: str
    precision: str
    chosen: str
    """The way of running it that was fastest in the try-out; for Niteru its own choice."""
    tried: dict[str, float] = field(default_factory=dict)
    """Images per second of each way in the try-out."""
    rounds: list[float] = field(default_factory=list)
    """Images per second, one a round: of the forward pass, or from files to embeddings."""
    worst_cosine: float | None = None
    """To the f32 reference over the compared pictures."""
    least_cosine: float | None = None
    answers: list[dict[str, Any]] = field(default_factory=list)
    """Niteru only: the whole answer of each round, with the stages."""

    @property
    def agrees(self) -> bool:
        return None in (self.worst_cosine, self.least_cosine) or self.worst_cosine >= self.least_cosine


@dataclass
class Comparison:
    """One model doing one kind of work."""

    model: str
    work: str
    """`forward`: pixels to embeddings, at one batch size; `folder`: files to embeddings."""
    batch: int
    pictures: int
    rows: list[Row]
    absent: dict[str, str]
    """Contender → why it took no part."""
    files: str = ""
    """What the folder holds."""

    def ratios(self) -> Iterator[dict[str, Any]]:
        """Every Niteru row against every peer: divided round by round, then the median."""
        for ours in (row for row in self.rows if row.runtime == "niteru"):
            for peer in (row for row in self.rows if row.runtime != "niteru"):
                quotients = [a / b for a, b in zip(ours.rounds, peer.rounds, strict=True)]
                yield {"niteru": ours.name, "peer": peer.name, "rounds": quotients, **_summary(quotients)}


@dataclass
class Report:
    """A whole run."""

    machine: dict[str, Any]
    settings: dict[str, Any]
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        return all(row.agrees for comparison in self.comparisons for row in comparison.rows)

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "version": FORMAT_VERSION,
            "machine": self.machine,
            "settings": self.settings,
            "comparisons": [
                {
                    "model": comparison.model,
                    "work": comparison.work,
                    "files": comparison.files,
                    "batch": comparison.batch,
                    "pictures": comparison.pictures,
                    "contenders": [asdict(row) | _summary(row.rounds) for row in comparison.rows],
                    "absent": comparison.absent,
                    "ratios": list(comparison.ratios()),
                }
                for comparison in self.comparisons
            ],
        }

    def markdown(self) -> str:
        """For people: the machine, then a table for each model and batch size."""
        lines = [*self._machine_lines()]
        for comparison in self.comparisons:
            lines += ["", *_comparison_lines(comparison)]
        return "\n".join(lines) + "\n"

    def _machine_lines(self) -> Iterator[str]:
        machine = self.machine
        packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
        yield f"- processor: {machine['processor']}, {machine['cores']} cores ({' '.join(machine['instruction_sets'])})"
        yield f"- system: {machine['system']}, {machine['memory_gib']} GiB memory"
        yield f"- versions: Python {machine['python']}, {packages}"
        if "niteru" in machine:
            yield f"- niteru: {machine['niteru']}"
        settings = self.settings
        yield (
            f"- {settings['threads']} threads each, medians of {settings['rounds']} interleaved rounds"
            f" of {settings['seconds']} s; load average before the run {machine['load_average_before']}"
        )
        load = machine["load_average_before"]
        if load is not None and load > 0.5:
            yield "- **the machine was busy with other work: trust ratios over figures, and neither far**"


def _comparison_lines(comparison: Comparison) -> Iterator[str]:
    ours = [row for row in comparison.rows if row.runtime == "niteru"]
    ratios = {(ratio["niteru"], ratio["peer"]): ratio for ratio in comparison.ratios()}
    folder = comparison.work == "folder"
    # One image a batch: what counts is how soon it is done.
    latency = not folder and comparison.batch == 1
    work = "folder of large JPEG files to embeddings" if folder else f"batch {comparison.batch}, forward pass"
    yield f"### {comparison.model}, {work}"
    yield ""
    if folder:
        yield from (comparison.files, "")
    cosine = "worst cosine to Pillow's full decode, f32" if folder else "worst cosine to f32"
    milliseconds = ["ms"] if latency else []
    heads = ["contender", *milliseconds, "images/s", "min–max", cosine, "run as", *(f"{row.name} ÷ it" for row in ours)]
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(milliseconds) + 3)} --- |{' ---: |' * len(ours)}"
    for row in comparison.rows:
        summary = _summary(row.rounds)
        cells = [
            row.name,
            *([f"{1000 / summary['median']:.2f}"] if latency else []),
            _figure(summary["median"]),
            f"{_figure(summary['min'])}–{_figure(summary['max'])}",
            _cosine(row),
            row.chosen,
            *(_ratio(ratios.get((niteru.name, row.name))) for niteru in ours),
        ]
        yield f"| {' | '.join(cells)} |"
    for row in ours:
        yield from ("", _stages(row))
    for name, reason in comparison.absent.items():
        yield from ("", f"{name} took no part: {reason}.")


def _summary(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _ratio(ratio: dict[str, Any] | None) -> str:
    return f"{ratio['median']:.2f} ({ratio['min']:.2f}–{ratio['max']:.2f})" if ratio else ""


def _cosine(row: Row) -> str:
    if row.worst_cosine is None:
        return "not compared"
    text = f"{row.worst_cosine:.6f}"
    return text if row.agrees else f"**{text}, must be ≥ {row.least_cosine}**"


def _stages(row: Row) -> str:
    """The whole pipeline of a Niteru row, with every number its answers hold beside the speed."""
    pipeline = statistics.median(answer["images_per_second"] for answer in row.answers)
    stages = statistics.median_low([answer["forward_images_per_second"] for answer in row.answers])
    typical = next(answer for answer in row.answers if answer["forward_images_per_second"] == stages)
    milliseconds = {
        name: value
        for name, value in (typical.get("milliseconds") or typical).items()
        if isinstance(value, (int, float)) and any(stage in name for stage in ("decode", "preprocess", "forward"))
    }
    parts = ", ".join(f"{name} {value:.2f}" for name, value in milliseconds.items() if "per_second" not in name)
    # Where Niteru chose by itself, its answer says what.
    name = f"{row.name} ({typical.get('precision', row.precision)})"
    return f"{name}, files to embeddings: {_figure(pipeline)} images/s" + (f" (ms: {parts})" if parts else "")
