#!/usr/bin/env python3
"""How much memory, disk and how many shards a collection takes, from 100 000 to a billion images.

No cluster is needed: this is arithmetic, and it is printed with the result. The bytes of each part are those of
the formats (docs/scale.md says where they come from and what was measured). Python's standard library only.

    python3 bench/plan_scale.py
    python3 bench/plan_scale.py --dimensions 1280 --replicas 2 --node-memory 64 --json
"""

import argparse
import json
import math
import sys

SIZES = [100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000]

# Bytes of an image that do not depend on the number of dimensions.
LINKS = 16  # of each vector in an upper layer of the graph; twice as many in the lowest
LINK_BYTES = 4
UPPER_LAYERS = 1 / 15  # a vector is in the next layer with a chance of 1 in 16: 1/16 + 1/256 + …
POINT_BYTES = 32  # Qdrant's own numbers, versions and the mapping between them
FIELD_INDEX_BYTES = 24  # of a payload index, for each field of each point
LOCAL_ROW_BYTES = 600  # SQLite: path, hash, sizes, times, and their indexes
LOCAL_FIELD_BYTES = 100  # SQLite: a value and its indexes
GIB = 1024**3

# A shard larger than this takes long to move, to recover and to optimise.
SHARD_IMAGES = 20_000_000
# Of a node's memory, what the index may take: the rest is for the system's cache and for optimising.
USABLE = 0.6


def graph_bytes():
    return LINK_BYTES * LINKS * (2 + UPPER_LAYERS)


def cluster(images, plan):
    """Memory and disk of all nodes together, and how they are cut."""
    dimensions, fields = plan.dimensions, plan.fields
    memory_each = dimensions + graph_bytes() + POINT_BYTES + fields * FIELD_INDEX_BYTES
    disk_each = 4 * dimensions + memory_each + plan.payload
    memory = images * memory_each * plan.replicas
    disk = images * disk_each * plan.replicas
    usable = plan.node_memory * GIB * USABLE
    nodes = max(plan.replicas, math.ceil(memory / usable))
    # Every node has the same number of replicas of shards, and no shard is too large.
    step = nodes // math.gcd(nodes, plan.replicas)
    shards = math.ceil(images / SHARD_IMAGES / step) * step
    return {
        "memory_bytes_per_image": round(memory_each),
        "disk_bytes_per_image": round(disk_each),
        "memory_gib": memory / GIB,
        "disk_gib": disk / GIB,
        "nodes": nodes,
        "shards": shards,
        "images_per_shard": math.ceil(images / shards),
    }


def local(images, plan):
    """One machine: SQLite, and the index file that is mapped into memory."""
    index = 2 * plan.dimensions + graph_bytes() + 12
    truth = 2 * plan.dimensions + LOCAL_ROW_BYTES + plan.fields * LOCAL_FIELD_BYTES
    return {
        "index_gib": images * index / GIB,
        "sqlite_gib": images * truth / GIB,
        "disk_bytes_per_image": round(index + truth),
    }


def table(rows, plan):
    lines = [
        f"{plan.dimensions} dimensions, {plan.fields} filtered fields, {plan.payload} bytes of metadata, "
        f"{plan.replicas} replicas, nodes of {plan.node_memory} GiB of which {USABLE:.0%} may be used",
        "",
        "| images | this machine: index file (GiB) | SQLite (GiB) | cluster: memory (GiB) | disk (GiB) | nodes | shards |"
        " images a shard |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for images, here, there in rows:
        lines.append(
            f"| {images:,} | {here['index_gib']:,.1f} | {here['sqlite_gib']:,.1f} | {there['memory_gib']:,.1f} "
            f"| {there['disk_gib']:,.1f} | {there['nodes']:,} | {there['shards']:,} | {there['images_per_shard']:,} |"
        )
    d, f = plan.dimensions, plan.fields
    graph = graph_bytes()
    lines += [
        "",
        "The arithmetic, in bytes an image:",
        f"- graph: {LINK_BYTES} × {LINKS} × (2 + {UPPER_LAYERS:.3f}) = {graph:.0f}",
        f"- cluster, memory, each replica: {d} (8-bit vector) + {graph:.0f} (graph) + {POINT_BYTES} (numbers) "
        f"+ {f} × {FIELD_INDEX_BYTES} (indexes of fields) = {d + graph + POINT_BYTES + f * FIELD_INDEX_BYTES:.0f}",
        f"- cluster, disk, each replica: 4 × {d} (f32 vector) + the above + {plan.payload} (metadata)",
        f"- this machine, index file: 2 × {d} (f16 vector) + {graph:.0f} (graph) + 12 (number and length)",
        f"- this machine, SQLite: 2 × {d} + {LOCAL_ROW_BYTES} (row) + {f} × {LOCAL_FIELD_BYTES} (values)",
        f"- nodes: memory × replicas ÷ ({plan.node_memory} GiB × {USABLE}), at least one a replica",
        f"- shards: at most {SHARD_IMAGES:,} images each, and as many replicas of shards on every node",
    ]
    return "\n".join(lines)


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("expected a number of at least 1")
    return number


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", type=positive, default=512)
    parser.add_argument("--fields", type=positive, default=5, help="metadata fields that are filtered by")
    parser.add_argument("--payload", type=positive, default=300, help="bytes of metadata an image")
    parser.add_argument("--replicas", type=positive, default=2)
    parser.add_argument("--node-memory", type=positive, default=64, help="GiB")
    parser.add_argument("--json", action="store_true")
    plan = parser.parse_args()
    rows = [(images, local(images, plan), cluster(images, plan)) for images in SIZES]
    if plan.json:
        keys = ("images", "local", "cluster")
        json.dump([dict(zip(keys, row)) for row in rows], sys.stdout, indent=1)
        print()
    else:
        print(table(rows, plan))


if __name__ == "__main__":
    main()
