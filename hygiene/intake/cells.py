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
    """The stretches of bytes as an array of text; they are UTF-8."""
    lengths = ends - begins
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    index = np.arange(offsets[-1], dtype=np.int64) + np.repeat(begins - offsets[:-1], lengths)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[index])]
    return pa.StringArray.from_buffers(len(lengths), buffers[1], buffers[2])


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


def filled(texts: pa.Array) -> Mask:
    """Which texts are more than white space."""
    return np.asarray(pc.not_equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False), bool)
