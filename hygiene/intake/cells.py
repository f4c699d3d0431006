"""Bytes to columns: the cells of many records at once as text, without a Python object for each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hygiene.intake.records import QUOTE, Block, Bytes, Mask, Positions


def text_of(block: Block, cell: int, *, escape: bytes = b'"') -> pa.Array:
    """The text of the `cell`-th wanted cell of each record, without the quotes around it; blank is "".

    `escape` is what stands before a quote that belongs to the text.
    """
    begins, ends = block.cells[cell]
    if not block.quoted:
        return _gather(block.data, begins, ends)
    quoted = (ends - begins >= 2) & (block.data[np.minimum(begins, len(block.data) - 1)] == QUOTE)
    begins, ends = begins + quoted, ends - quoted
    texts = _gather(block.data, begins, ends)
    if quoted.any():
        texts = _replace_where(texts, quoted, (escape + b'"').decode(), '"')
    return texts


def _gather(data: Bytes, begins: Positions, ends: Positions) -> pa.Array:
    """The stretches of bytes as an array of text; they are UTF-8, and in the order of the bytes."""
    edges = np.column_stack([begins, ends]).astype(np.int32)
    # what lies between two stretches is a piece, too
    pieces = pa.StringArray.from_buffers(max(2 * len(begins) - 1, 0), pa.py_buffer(edges), pa.py_buffer(data))
    return pieces.take(pa.array(np.arange(0, len(pieces), 2, dtype=np.int32)))


def _replace_where(texts: pa.Array, where: Mask, old: str, new: str) -> pa.Array:
    candidates = pc.and_(pa.array(where), pc.match_substring(texts, old))
    if not pc.any(candidates).as_py():
        return texts
    return pc.if_else(candidates, pc.replace_substring(texts, old, new), texts)


def mapped(texts: pa.Array, word: Callable[[str], int]) -> npt.NDArray[np.int8]:
    """A number for each text, asked once for every different one."""
    words = texts.dictionary_encode()
    numbers = np.array([word(text) for text in words.dictionary.to_pylist()], np.int8)
    found: npt.NDArray[np.int8] = numbers[words.indices.to_numpy()]
    return found


def count_texts(texts: pa.Array) -> list[tuple[str, int]]:
    """Every different text, and how often it is there."""
    found = pc.value_counts(texts)
    return list(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True))


def filled(texts: pa.Array) -> Mask:
    """Which texts are more than white space."""
    return np.asarray(pc.not_equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False), bool)
