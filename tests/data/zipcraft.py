"""Writes ZIP archives byte by byte, so that every field can lie.

One function per record of the format (APPNOTE 4.3), and `Member` and `archive` to put them in their usual
places. Whatever is not given is what an honest writer would say.
"""

import struct
import zlib
from dataclasses import dataclass, field

STORED, DEFLATED = 0, 8
ENCRYPTED, DESCRIPTOR, UTF8 = 1 << 0, 1 << 3, 1 << 11
MAX16, MAX32, MAX64 = 0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF
ZIP64 = 0x0001  # the id of the extra field that holds 64-bit sizes and offsets
DATE = 0x0021  # 1980-01-01


def deflate(data, level=9):
    """Compresses to a raw DEFLATE stream."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def extra_field(identifier, data):
    """4.5.1: one extensible data field."""
    return struct.pack("<HH", identifier, len(data)) + data


def zip64_extra(*values, disk=None):
    """4.5.3: the 64-bit values, in the order size, compressed size, offset; then the disk of 4 bytes."""
    data = b"".join(struct.pack("<Q", value) for value in values)
    return extra_field(ZIP64, data if disk is None else data + struct.pack("<I", disk))


def local_header(
    name,
    *,
    signature=b"PK\x03\x04",
    version=20,
    flags=0,
    method=STORED,
    crc=0,
    compressed=0,
    size=0,
    extra=b"",
    name_len=None,
    extra_len=None,
):
    """4.3.7: what stands before a member's data."""
    name_len = len(name) if name_len is None else name_len
    extra_len = len(extra) if extra_len is None else extra_len
    times = struct.pack("<HHHHH", version, flags, method, 0, DATE)
    sizes = struct.pack("<IIIHH", crc, compressed, size, name_len, extra_len)
    return signature + times + sizes + name + extra


def descriptor(crc, compressed, size, *, signed=True, zip64=False):
    """4.3.9: what stands behind a member's data if the writer could not seek back. Four forms."""
    sizes = struct.pack("<IQQ" if zip64 else "<III", crc, compressed, size)
    return (b"PK\x07\x08" if signed else b"") + sizes


def directory_entry(
    name,
    *,
    signature=b"PK\x01\x02",
    made_by=20,
    version=20,
    flags=0,
    method=STORED,
    date=DATE,
    crc=0,
    compressed=0,
    size=0,
    extra=b"",
    comment=b"",
    disk=0,
    attributes=0,
    offset=0,
    name_len=None,
    extra_len=None,
    comment_len=None,
):
    """4.3.12: one member as the central directory tells it."""
    name_len = len(name) if name_len is None else name_len
    extra_len = len(extra) if extra_len is None else extra_len
    comment_len = len(comment) if comment_len is None else comment_len
    times = struct.pack("<HHHHHH", made_by, version, flags, method, 0, date)
    sizes = struct.pack("<IIIHHH", crc, compressed, size, name_len, extra_len, comment_len)
    place = struct.pack("<HHII", disk, 0, attributes, offset)
    return signature + times + sizes + place + name + extra + comment


def end_record(
    *,
    disk=0,
    directory_disk=0,
    entries_here=None,
    entries=0,
    directory_size=0,
    directory_offset=0,
    comment=b"",
    comment_len=None,
):
    """4.3.16: the end of central directory record."""
    entries_here = entries if entries_here is None else entries_here
    comment_len = len(comment) if comment_len is None else comment_len
    counts = struct.pack("<HHHH", disk, directory_disk, entries_here, entries)
    return (
        b"PK\x05\x06" + counts + struct.pack("<IIH", directory_size, directory_offset, comment_len) + comment
    )


def zip64_end_record(
    *,
    signature=b"PK\x06\x06",
    disk=0,
    directory_disk=0,
    entries_here=None,
    entries=0,
    directory_size=0,
    directory_offset=0,
    extensible=b"",
    record_size=None,
):
    """4.3.14: its 64-bit form."""
    entries_here = entries if entries_here is None else entries_here
    record_size = 44 + len(extensible) if record_size is None else record_size
    head = struct.pack("<QHHII", record_size, 45, 45, disk, directory_disk)
    counts = struct.pack("<QQQQ", entries_here, entries, directory_size, directory_offset)
    return signature + head + counts + extensible


def zip64_locator(offset, *, disk=0, disks=1):
    """4.3.15: where the 64-bit form begins."""
    return b"PK\x06\x07" + struct.pack("<IQI", disk, offset, disks)


@dataclass
class Member:
    """One member; `local` and `central` replace fields of its two headers."""

    name: str | bytes
    data: bytes = b""
    method: int = STORED
    payload: bytes | None = None  # what stands in the file; the default is `data`, compressed if so announced
    flags: int = 0
    descriptor: bytes | None = None  # None: the sizes stand in the local header
    local: dict = field(default_factory=dict)
    central: dict = field(default_factory=dict)

    def __post_init__(self):
        if isinstance(self.name, str):
            if not self.name.isascii():
                self.flags |= UTF8
            self.name = self.name.encode()
        if self.payload is None:
            self.payload = deflate(self.data) if self.method == DEFLATED else self.data
        if self.descriptor is not None:
            self.flags |= DESCRIPTOR

    @property
    def fields(self):
        """The true values of what both headers say."""
        return {
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "compressed": len(self.payload),
            "size": len(self.data),
        }

    def local_bytes(self):
        """Header, data and descriptor."""
        fields = self.fields
        if self.descriptor is not None:
            fields |= {"crc": 0, "compressed": 0, "size": 0}
        fields |= {"name": self.name} | self.local
        return local_header(**fields) + self.payload + (self.descriptor or b"")

    def central_bytes(self, offset):
        """The entry in the directory."""
        return directory_entry(**({"name": self.name, "offset": offset} | self.fields | self.central))


def with_descriptor(name, data, method=STORED, *, signed=True, zip64=False):
    """A member whose sizes follow its data."""
    payload = deflate(data) if method == DEFLATED else data
    trailer = descriptor(zlib.crc32(data), len(payload), len(data), signed=signed, zip64=zip64)
    return Member(name, data, method, descriptor=trailer)


def archive(
    members,
    *,
    prefix=b"",
    base=None,
    before_directory=b"",
    after_directory=b"",
    comment=b"",
    end=None,
    end64=None,
    locator=None,
    before_locator=b"",
    directory_order=None,
):
    """Puts members, directory and end records one behind the other.

    `prefix` stands before it all; offsets count from `base`, by default the start of the file (which is how
    a prefix is "adjusted"; `base=len(prefix)` is not). `end`, `end64` and `locator` replace fields of the
    three end records; the latter two are written if `end64` is not None. An `end64` with no word on `end`
    puts sentinels there.
    """
    base = 0 if base is None else base
    out = bytearray(prefix)
    entries = []
    for member in members:
        entries.append(member.central_bytes(len(out) - base))
        out += member.local_bytes()
    out += before_directory
    if directory_order is not None:
        entries = [entries[index] for index in directory_order]
    directory = b"".join(entries)
    true = {
        "entries": len(entries) & MAX16,
        "directory_size": len(directory),
        "directory_offset": len(out) - base,
    }
    out += directory + after_directory
    if end64 is not None:
        end64_offset = len(out) - base
        out += zip64_end_record(**(true | {"entries": len(entries)} | end64)) + before_locator
        out += zip64_locator(**({"offset": end64_offset} | (locator or {})))
        if end is None:
            true = {"entries": MAX16, "directory_size": MAX32, "directory_offset": MAX32}
    out += end_record(**(true | {"comment": comment} | (end or {})))
    return bytes(out)
