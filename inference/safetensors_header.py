"""What a safetensors file holds, from its header alone: 8 bytes of length, JSON, then data.

Format: https://github.com/huggingface/safetensors#format
"""

import json
from math import prod
from pathlib import Path

MAX_HEADER_BYTES = 100_000_000  # the format's own limit
LFS_POINTER = b"version https://git-lfs"


class BrokenFileError(ValueError):
    """The file is not what its name says; the message gives reason and remedy."""


def numbers_by_dtype(path: Path) -> dict[str, int]:
    """How many numbers the file stores in each dtype ("F32", "BF16", …), and a look that the file is as long as it promises.

    Raises BrokenFileError, and OSError where it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        opening = stream.read(len(LFS_POINTER))
        if opening == LFS_POINTER:
            raise BrokenFileError("it is a pointer of Git LFS, not the weights. Run: git lfs pull")
        length = int.from_bytes(opening[:8], "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise BrokenFileError("its header is longer than the file. Download or save it again.")
        stream.seek(8)
        header = stream.read(length)
    counts: dict[str, int] = {}
    end = 0
    try:
        for name, entry in json.loads(header).items():
            if name == "__metadata__":
                continue
            counts[str(entry["dtype"])] = counts.get(str(entry["dtype"]), 0) + prod(entry["shape"])
            end = max(end, entry["data_offsets"][1])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise BrokenFileError(f"its header is not one ({error}). Download or save it again.") from error
    if not counts:
        raise BrokenFileError("it holds no tensors. Download or save it again.")
    if size != 8 + length + end:
        raise BrokenFileError(
            f"it has {size:,} bytes where its header promises {8 + length + end:,}. Download it again."
        )
    return counts
