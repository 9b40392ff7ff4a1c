"""What a case of the hostile corpus is, and the NPY bytes that both kinds of cases are made of."""

import hashlib
import json
from dataclasses import dataclass

MAGIC = b"\x93NUMPY"


@dataclass
class Case:
    """One file: the fault that its name states, and what a reader must do about it."""

    file: str
    row: str
    data: bytes
    outcome: str
    detail: object
    as_member: bool | None = None  # only for .npy: also run as a member of an archive

    def line(self):
        """The row of the manifest."""
        detail = self.detail if isinstance(self.detail, str) else json.dumps(self.detail)
        member = {None: "-", True: "yes", False: "no"}[self.as_member]
        return f"{self.file}\t{self.row}\t{self.outcome}\t{detail}\t{member}"


def preamble(version, header_len):
    """Magic, version and header length."""
    width = 2 if version[0] == 1 else 4
    return MAGIC + bytes(version) + header_len.to_bytes(width, "little")


def npy_of(header, payload=b"", version=(1, 0)):
    """An NPY file with this header, as it is: no padding, no newline."""
    header = header.encode("utf-8" if version[0] == 3 else "latin1") if isinstance(header, str) else header
    return preamble(version, len(header)) + header + payload


def header_text(descr, shape, fortran=False):
    """The dictionary as NumPy writes it; `descr` is a type string, or a literal that begins with a bracket."""
    descr = descr if descr[:1] in "[({" else repr(descr)
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape!r}, }}"


def npy(descr, shape, payload, *, fortran=False, version=(1, 0)):
    """An NPY file as NumPy writes it, padded so that the payload begins at a multiple of 64."""
    text = header_text(descr, shape, fortran)
    start = 10 if version[0] == 1 else 12
    encoded_len = len(text.encode("utf-8" if version[0] == 3 else "latin1"))
    text += " " * (-(start + encoded_len + 1) % 64) + "\n"
    return npy_of(text, payload, version)


def value(name, dtype, shape, payload):
    """What must come out; `payload` in C order. `.npy` files have no name."""
    return [name, dtype, list(shape), hashlib.sha256(payload).hexdigest()]
