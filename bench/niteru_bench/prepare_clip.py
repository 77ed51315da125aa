"""`python -m niteru_bench.prepare_clip`: one JSON document with the folders of CLIP's weights and of large photos.

For scripts that must stay small themselves: a child's peak memory begins with that of the process that started it.
"""

import json

from .photos import large_photos
from .subjects import SUBJECTS, prepare


def main() -> None:
    prepared = prepare(SUBJECTS["clip-vit-b-32"])
    print(json.dumps({"model": str(prepared.folder / "model"), "photos": str(large_photos()[0].parent)}))


if __name__ == "__main__":
    main()
