"""The exceptions of npzarrow."""

from __future__ import annotations


class NpzarrowError(ValueError, RuntimeError):
    """Data that cannot be read.

    A ``ValueError``, as NumPy raises, and a ``RuntimeError``, as SPDL raises. Files and networks that fail
    raise ``OSError``; arguments of the wrong type raise ``TypeError``; a name that is not in an archive raises
    ``KeyError``.
    """


class FormatError(NpzarrowError):
    """The bytes are not what NPY or ZIP allow, or of a kind that is not read."""


class UnsupportedDtypeError(NpzarrowError):
    """The dtype cannot be read, or Arrow has no such type. Pickled objects are never loaded."""


class LimitError(NpzarrowError):
    """A size exceeds a limit; a higher one may accept the input."""


class ChecksumError(NpzarrowError):
    """A member's bytes are not those that were written."""
