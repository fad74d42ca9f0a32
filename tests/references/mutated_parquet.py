"""Our own Parquet, changed at random, read in this process: it must not end.

``python -m tests.references.mutated_parquet FOLDER COUNT SEED`` prints how many were refused, and
how many passed; anything but our own errors, and a process that ends, is a failure.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from cryodata.errors import CryodataError
from cryodata.formats import decode_index
from cryodata.formats.seal import _digest, _put, _split
from cryodata.granule import GranuleFile
from cryodata.options import Options
from cryodata.references.catalogue import decode_rows, encode_rows, row_of, rows_to_table
from cryodata.references.walking import walk_granule
from tests.references.stores import tiny_granules

__all__ = ["main"]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, more often where the file describes itself."""
    changed = bytearray(data)
    footer = int.from_bytes(data[-8:-4], "little") + 8
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        first = len(data) - footer if chance.random() < 0.6 else 0
        place = chance.randrange(first, len(data))
        changed[place] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
    if chance.random() < 0.1:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def main() -> None:
    """Try them all."""
    folder, count, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(sys.argv[3])
    (path,) = tiny_granules(folder, 1)
    walk = walk_granule(str(path), GranuleFile(path, options=Options(cache=None)))
    rows = encode_rows(rows_to_table([walk.row] * 20))
    apart = walk.index
    passed = refused = 0
    for number in range(count):
        try:
            if number % 3 == 0:
                table, _ = decode_rows(mutated(rows, chance))
                [row_of(table, n) for n in range(min(len(table), 3))]
            elif number % 3 == 1:
                own = mutated(apart.data, chance)
                decode_index(resealed(own), alike=lambda _: apart.alike)
            else:
                held = {apart.name: resealed(mutated(apart.alike, chance))}
                decode_index(apart.data, alike=held.__getitem__)
            passed += 1
        except CryodataError:
            refused += 1
    sys.stdout.write(f"{passed} {refused}")


def resealed(data: bytes) -> bytes:
    """With the checksum that whoever wants to harm would compute."""
    try:
        blank, _ = _split(data)
        return _put(blank, _digest(blank))
    except ValueError:
        return data


if __name__ == "__main__":
    main()
