"""The ZIP half of the hostile corpus."""

import bz2
import lzma
import struct
import unicodedata
import zlib

from cases import Case, npy, value
from npy_cases import FLOATS, GZIP, HTML, INTS, LFS, OBJECT, PICKLE
from zipcraft import (
    DEFLATED,
    ENCRYPTED,
    MAX16,
    MAX32,
    MAX64,
    STORED,
    UTF8,
    Member,
    archive,
    deflate,
    descriptor,
    directory_entry,
    end_record,
    extra_field,
    local_header,
    with_descriptor,
    zip64_end_record,
    zip64_extra,
    zip64_locator,
)

NPY_A = npy("<f4", (2, 3), FLOATS)
NPY_B = npy("<i8", (3,), INTS)
A = value("a", "<f4", (2, 3), FLOATS)
B = value("b", "<i8", (3,), INTS)
OLD = npy("<i8", (3,), bytes(24))  # what a stale `b` holds

NOT_ZIP = "~not a valid zip file|Failed to locate the end"
END = "~(?i)expected|disagree|end of the central directory|not a valid zip|does not end before|begins with"
BOUNDS = "~(?i)overlap|does not end before|expected|begins with"
ZIP64_ERROR = "~(?i)zip64|does not end before|expected|exceeds|overlap"
DISK = "~(?i)disk"
CRC = "~(?i)checksum"
SIZE = "~(?i)bytes|size|expected"
LIMIT = "~(?i)exceeds|limit"
INVALID_DEFLATE = "~(?i)deflate|inflate|bytes|exceeds"
METHOD = "~(?i)compression method"
LOCAL = "~(?i)local|begins with|does not end|expected"
ANY = "~."


def npz_cases():
    """Yields the cases; each family has its own function."""
    yield from not_zip()
    yield from comments()
    yield from end_records()
    yield from prefixes()
    yield from zip64_end_records()
    yield from zip64_extras()
    yield from disks()
    yield from directories()
    yield from local_headers()
    yield from descriptors()
    yield from sizes()
    yield from bombs()
    yield from checksums()
    yield from methods()
    yield from deflate_streams()
    yield from overlaps()
    yield from names()
    yield from members()
    yield from extra_fields()


def a(**fields):
    """The member `a.npy`."""
    return Member("a.npy", NPY_A, **fields)


def b(**fields):
    """The member `b.npy`."""
    return Member("b.npy", NPY_B, **fields)


def ok(name, row, data, values=(A, B)):
    """All members must load to these."""
    return Case(f"npz/{name}.npz", row, data, "value", list(values))


def either(name, row, data, values=(A, B)):
    """It may be refused, whole or in parts; what loads must be one of these."""
    return Case(f"npz/{name}.npz", row, data, "value-or-error", list(values))


def refused(name, row, data, text):
    """It must be refused at open."""
    return Case(f"npz/{name}.npz", row, data, "open-error", text)


def error(name, row, data, text):
    """It must be refused at open, or else when its members are loaded."""
    return Case(f"npz/{name}.npz", row, data, "error", text)


def spoiled(name, row, data, **members):
    """Members with a text must be refused, those with a value must load."""
    return spoiled_names(name, row, data, members)


def spoiled_names(name, row, data, members):
    detail = {key: text if isinstance(text, str) else text[1:] for key, text in members.items()}
    return Case(f"npz/{name}.npz", row, data, "member-error", detail)


def place(members):
    """Where the directory of these members begins, and its length."""
    offset = sum(len(member.local_bytes()) for member in members)
    return offset, sum(len(member.central_bytes(0)) for member in members)


def with_directory(body, entries):
    """An archive of these bytes and these directory entries."""
    directory = b"".join(entries)
    return (
        body
        + directory
        + end_record(entries=len(entries), directory_size=len(directory), directory_offset=len(body))
    )


def not_zip():
    row = "empty, cut, other formats"
    whole = archive([a(), b()])
    offset, size = place([a(), b()])
    for name, data in [
        ("empty", b""),
        ("one_byte", b"P"),
        ("local_signature_alone", b"PK\x03\x04"),
        ("end_signature_alone", b"PK\x05\x06"),
        ("end_record_cut_by_1", end_record()[:21]),
        ("html", HTML),
        ("git_lfs_pointer", LFS),
        ("gzip", GZIP),
        ("npy", NPY_A),
        ("zeros_of_22_bytes", bytes(22)),
        ("zeros", bytes(4096)),
        ("cut_by_1", whole[:-1]),
        ("cut_before_the_end_record", whole[:-22]),
        ("cut_inside_the_directory", whole[: offset + size // 2]),
        ("cut_before_the_directory", whole[:offset]),
        ("cut_in_the_middle", whole[: len(whole) // 2]),
    ]:
        yield refused(name, row, data, NOT_ZIP)
    yield refused("first_100_bytes_missing", row, whole[100:], END)
    yield refused("only_directory_and_end_record", row, whole[offset:], "~.")
    row = "empty archive"
    yield ok("empty_archive", row, archive([]), [])
    yield ok("empty_archive_with_a_comment", row, archive([], comment=b"nothing here"), [])
    yield ok("empty_zip64_archive", row, archive([], end64={}), [])


def comments():
    row = "comment of any length"
    for size in [0, 1, 2, 3, 4, 5, 6, 7, 3001]:
        yield ok(f"comment_of_{size}_bytes", row, archive([a(), b()], comment=b"x" * size))
    yield ok("comment_of_nul_bytes", row, archive([a(), b()], comment=bytes(100)))
    yield ok("comment_begins_like_a_signature", row, archive([a(), b()], comment=b"PK\x05"))
    yield refused(
        "comment_longer_than_declared", row, archive([a(), b()], comment=b"xyz", end={"comment_len": 2}), ANY
    )
    yield refused(
        "comment_shorter_than_declared", row, archive([a(), b()], comment=b"xyz", end={"comment_len": 4}), ANY
    )
    row = "trailing bytes"
    whole = archive([a(), b()])
    for name, tail in [
        ("a_newline", b"\n"),
        ("a_nul_byte", b"\0"),
        ("zeros_to_512", bytes(-len(whole) % 512)),
        ("html", HTML),
    ]:
        yield refused(f"trailed_by_{name}", row, whole + tail, ANY)
    row = "end record inside the comment"
    empty = end_record()
    size = sum(place([a(), b()]))
    for name, comment in [
        ("end_signature_in_the_comment", b"see PK\x05\x06 there"),
        ("end_signature_at_the_start_of_the_comment", b"PK\x05\x06 and more than eighteen bytes"),
        ("end_signature_at_the_end_of_the_comment", b"signature: PK\x05\x06"),
        ("end_record_in_the_comment_that_ends_early", empty + b"and then some text"),
        ("end_record_in_the_comment_that_ends_late", end_record(comment_len=9)),
        ("two_end_records_in_the_comment", empty + empty),
        ("end_record_in_the_comment", empty),
        ("end_record_in_the_comment_with_its_own_comment", b"text" + end_record(comment=b"more")),
        ("end_record_in_the_comment_of_no_entries_at_the_same_place", end_record(directory_offset=size)),
        (
            "end_record_in_the_comment_of_one_entry",
            end_record(entries=1, directory_size=51, directory_offset=size - 51),
        ),
    ]:
        yield either(name, row, archive([a(), b()], comment=comment))
    inner = archive([Member("b.npy", OLD)])
    yield either(
        "whole_archive_in_the_comment",
        row,
        archive([a(), b()], comment=inner),
        [A, B, value("b", "<i8", (3,), bytes(24))],
    )


def end_records():
    row = "two archives end to end"
    for name, first in [
        ("of_equal_size", archive([Member("a.npy", NPY_A), Member("b.npy", OLD)])),
        ("with_a_longer_first", archive([Member("b.npy", OLD), Member("c.npy", OLD), Member("d.npy", OLD)])),
        ("with_a_shorter_first", archive([Member("b.npy", OLD)])),
    ]:
        yield either(f"two_archives_end_to_end_{name}", row, first + archive([a(), b()]))
        yield either(f"two_archives_end_to_end_{name}_adjusted", row, archive([a(), b()], prefix=first))
    row = "two directories"
    plain = [a(), b()]
    offset, size = place(plain)
    stale_entries = [
        Member("a.npy", OLD).central_bytes(0),
        Member("b.npy", OLD).central_bytes(len(a().local_bytes())),
    ]
    again = b"".join(stale_entries)
    yield refused("directory_followed_by_another", row, archive(plain, after_directory=again), END)
    yield either("directory_preceded_by_another", row, archive(plain, before_directory=again))
    yield refused("gap_behind_the_directory", row, archive(plain, after_directory=bytes(8)), END)
    yield refused(
        "directory_one_byte_further", row, archive(plain, end={"directory_offset": offset + 1}), END
    )
    yield either("directory_one_byte_earlier", row, archive(plain, end={"directory_offset": offset - 1}))
    yield refused(
        "directory_offset_past_the_end", row, archive(plain, end={"directory_offset": 1 << 30}), END
    )
    yield refused("directory_size_past_the_start", row, archive(plain, end={"directory_size": 1 << 30}), END)
    yield refused("directory_size_one_more", row, archive(plain, end={"directory_size": size + 1}), ANY)
    yield refused("directory_size_one_less", row, archive(plain, end={"directory_size": size - 1}), ANY)
    row = "counts and directory size too small"
    for name, end in [
        ("count_0_of_2", {"entries": 0}),
        ("count_1_of_2", {"entries": 1}),
        ("count_3_of_2", {"entries": 3}),
        ("count_65534_of_2", {"entries": 0xFFFE}),
        ("count_65535_of_2_without_zip64", {"entries": MAX16}),
        ("count_here_1_of_2", {"entries_here": 1, "entries": 2}),
        ("count_here_2_total_1", {"entries_here": 2, "entries": 1}),
        ("directory_size_0", {"directory_size": 0}),
        ("directory_size_0_and_count_0", {"directory_size": 0, "entries": 0}),
        ("directory_size_and_count_of_the_first", {"directory_size": size // 2, "entries": 1}),
        (
            "directory_size_offset_and_count_of_the_last",
            {"directory_size": size // 2, "entries": 1, "directory_offset": offset + size // 2},
        ),
    ]:
        # The last of these is a well-formed archive with one member and dead bytes before its directory.
        values = [B] if name.endswith("of_the_last") else [A, B]
        yield either(name, row, archive(plain, end=end), values)


def prefixes():
    row = "prefix"
    script = b"#!/bin/sh\nexec unzip -p $0\n"
    yield ok("prefix_adjusted", row, archive([a(), b()], prefix=script))
    yield ok("prefix_unadjusted", row, archive([a(), b()], prefix=script, base=len(script)))
    yield ok("prefix_of_one_byte_unadjusted", row, archive([a(), b()], prefix=b"\n", base=1))
    yield ok("prefix_adjusted_zip64", row, archive([a(), b()], prefix=script, end64={}))
    yield either(
        "prefix_unadjusted_zip64", row, archive([a(), b()], prefix=script, base=len(script), end64={})
    )
    yield ok("prefix_like_a_local_header", row, archive([a(), b()], prefix=local_header(b"z.npy")))
    decoy = archive([Member("a.npy", OLD), Member("b.npy", OLD)])
    yield either(
        "prefix_with_a_directory_where_the_unadjusted_one_would_be", row, decoy + archive([a(), b()])
    )
    yield ok("spanning_marker_before_a_single_disk", row, archive([a(), b()], prefix=b"PK\x30\x30"))


def zip64_end_records():
    row = "zip64 end records"
    plain = [a(), b()]
    offset, size = place(plain)
    true = {"entries": 2, "directory_size": size, "directory_offset": offset}
    yield ok("zip64_end_record_with_all_sentinels", row, archive(plain, end64={}))
    yield ok("zip64_end_record_without_need", row, archive(plain, end64={}, end=true))
    for name, end in [
        ("count", {"entries": MAX16}),
        ("size", {"directory_size": MAX32}),
        ("offset", {"directory_offset": MAX32}),
        ("disk", {"disk": MAX16, "directory_disk": MAX16}),
    ]:
        yield ok(f"zip64_end_record_with_sentinel_in_{name}", row, archive(plain, end64={}, end=end))
    yield either(
        "zip64_end_record_with_extensible_data", row, archive(plain, end64={"extensible": bytes(20)})
    )
    yield ok("zip64_end_record_with_a_comment_behind", row, archive(plain, end64={}, comment=b"text"))
    row = "zip64 and plain end records disagree"
    for name, end64 in [
        ("entries", {"entries": 1}),
        ("entries_here", {"entries_here": 1, "entries": 2}),
        ("size", {"directory_size": size - 51, "entries": 1}),
        ("offset", {"directory_offset": offset - 1}),
        ("disk", {"disk": 1}),
    ]:
        yield refused(f"zip64_end_record_disagrees_in_{name}", row, archive(plain, end64=end64, end={}), ANY)
    for name, end64 in [
        ("count_0", {"entries": 0}),
        ("count_1", {"entries": 1}),
        ("count_2_to_the_63", {"entries": 1 << 63}),
        ("count_2_to_the_64_minus_1", {"entries": MAX64}),
        ("size_0", {"directory_size": 0}),
        ("size_2_to_the_63", {"directory_size": 1 << 63}),
        ("size_2_to_the_64_minus_1", {"directory_size": MAX64}),
        ("offset_2_to_the_63", {"directory_offset": 1 << 63}),
        ("offset_2_to_the_64_minus_1", {"directory_offset": MAX64}),
        ("offset_minus_the_file_length", {"directory_offset": (1 << 64) - 500}),
        ("record_size_0", {"record_size": 0}),
        ("record_size_43", {"record_size": 43}),
        ("record_size_45", {"record_size": 45}),
        ("record_size_2_to_the_64_minus_1", {"record_size": MAX64}),
    ]:
        yield refused(f"zip64_end_record_with_{name}", row, archive(plain, end64=end64), ANY)
    row = "sentinels without zip64 end record"
    for name, end in [
        ("all", {"entries": MAX16, "directory_size": MAX32, "directory_offset": MAX32}),
        ("size", {"directory_size": MAX32}),
        ("offset", {"directory_offset": MAX32}),
    ]:
        yield refused(f"end_record_sentinel_in_{name}_without_zip64", row, archive(plain, end=end), ANY)
    row = "zip64 locator points elsewhere"
    record = zip64_end_record(**true)
    sentinels = {"entries": MAX16, "directory_size": MAX32, "directory_offset": MAX32}
    stale = [Member("b.npy", OLD)]
    stale_offset, stale_size = place(stale)
    inner = archive(stale, end64={}, end=sentinels)
    for name, data in [
        ("points_past_the_end", archive(plain, end64={}, locator={"offset": 1 << 40})),
        ("points_to_2_to_the_63", archive(plain, end64={}, locator={"offset": 1 << 63})),
        ("points_to_2_to_the_64_minus_1", archive(plain, end64={}, locator={"offset": MAX64})),
        ("points_to_0", archive(plain, end64={}, locator={"offset": 0})),
        ("points_at_itself", archive(plain, end64={}, locator={"offset": offset + size + 56})),
        ("points_one_byte_early", archive(plain, end64={}, locator={"offset": offset + size - 1})),
        ("points_at_no_record", archive(plain, end64={"signature": b"PK\x06\x08"})),
        ("with_a_gap_behind_the_record", archive(plain, end64={}, before_locator=bytes(12))),
    ]:
        yield refused(f"locator_{name}", row, data, ANY)
    # A second zip64 record elsewhere, which describes a stale archive.
    hidden = Member("notes.txt", inner)
    hidden_record = len(hidden.local_bytes()) - len(inner) + stale_offset + stale_size
    data = archive([hidden, *plain], end64={}, locator={"offset": hidden_record})
    yield refused("locator_points_into_a_member", row, data, ANY)
    fake = zip64_end_record(entries=1, directory_size=51, directory_offset=offset + 51)
    data = archive(plain, end64={}, locator={"offset": offset + size + 56 + 20 + 22}, comment=fake)
    yield refused("locator_points_into_a_comment", row, data, ANY)
    data = archive(plain, before_directory=fake, end64={}, locator={"offset": offset})
    yield refused("locator_points_before_the_directory", row, data, ANY)
    data = archive(plain, after_directory=fake, end64={}, locator={"offset": offset + size})
    yield refused("locator_points_at_the_first_of_two_records", row, data, ANY)
    row = "locator-shaped bytes"
    for name, pointed in [("to_nothing", 0), ("past_the_end", 1 << 40)]:
        shaped = b"text" + zip64_locator(pointed)
        data = archive([a(), b(central={"comment": shaped})])
        yield either(f"locator_shaped_entry_comment_pointing_{name}", row, data)
    data = archive([a(), b(central={"comment": record + zip64_locator(0)})])
    yield either("zip64_record_shaped_entry_comment", row, data)


def zip64_extras():
    row = "zip64 sizes in directory entries"
    for method, how in [(STORED, "stored"), (DEFLATED, "deflated")]:
        for combination in range(1, 8):
            if how == "deflated" and combination not in (3, 7):
                continue
            member = b(method=method)
            offset = len(a().local_bytes())
            parts = []
            values = []
            for bit, (key, true) in enumerate(
                [("size", len(NPY_B)), ("compressed", len(member.payload)), ("offset", offset)]
            ):
                if combination >> bit & 1:
                    member.central[key] = MAX32
                    parts.append(key)
                    values.append(true)
            member.central["extra"] = zip64_extra(*values)
            yield ok(f"zip64_extra_has_{'_and_'.join(parts)}_{how}", row, archive([a(), member]))
    entry = {"size": MAX32, "compressed": MAX32, "offset": MAX32, "disk": MAX16}
    full = (len(NPY_B), len(NPY_B), len(a().local_bytes()))
    yield ok(
        "zip64_extra_has_all_and_the_disk",
        row,
        archive([a(), b(central=entry | {"extra": zip64_extra(*full, disk=0)})]),
    )
    entry = {"size": MAX32, "extra": extra_field(0x5455, b"\x01\0\0\0\0") + zip64_extra(len(NPY_B))}
    yield ok("zip64_extra_behind_a_timestamp", row, archive([a(), b(central=entry)]))
    entry = {"extra": zip64_extra(*full)}
    yield either("zip64_extra_without_sentinels", row, archive([a(), b(central=entry)]))
    entry = {"extra": zip64_extra(1, 2, 3)}
    yield either("zip64_extra_without_sentinels_and_with_other_values", row, archive([a(), b(central=entry)]))
    entry = {"compressed": MAX32, "extra": zip64_extra(*full[:2])}
    yield either("zip64_extra_has_more_than_the_sentinels_ask_for", row, archive([a(), b(central=entry)]))
    row = "sentinel without extra, short extra"
    for key in ("size", "compressed", "offset"):
        yield error(f"sentinel_in_{key}_without_extra", row, archive([a(), b(central={key: MAX32})]), ANY)
    three = {"size": MAX32, "compressed": MAX32, "offset": MAX32}
    for name, extra in [
        ("empty", zip64_extra()),
        ("of_4_bytes", extra_field(1, struct.pack("<I", len(NPY_B)))),
        ("of_8_bytes", zip64_extra(full[0])),
        ("of_16_bytes", zip64_extra(*full[:2])),
        ("of_23_bytes", extra_field(1, struct.pack("<3Q", *full)[:23])),
        ("that_claims_more_than_is_there", struct.pack("<HH", 1, 24) + struct.pack("<2Q", *full[:2])),
    ]:
        yield error(
            f"zip64_extra_{name}_for_three_sentinels",
            row,
            archive([a(), b(central=three | {"extra": extra})]),
            ANY,
        )
    two = zip64_extra(full[0] + 1, *full[1:]) + zip64_extra(*full)
    yield either("zip64_extra_twice", row, archive([a(), b(central=three | {"extra": two})]))
    row = "sizes or offsets 2^63 .. 2^64-1"
    for index, key in enumerate(("size", "compressed", "offset")):
        for number, name in [
            ((1 << 63) - 1, "2_to_the_63_minus_1"),
            (1 << 63, "2_to_the_63"),
            (MAX64, "2_to_the_64_minus_1"),
            ((1 << 64) - 100, "2_to_the_64_minus_100"),
        ]:
            values = list(full)
            values[index] = number
            for method in (STORED, DEFLATED):
                if method == DEFLATED and key == "offset":
                    continue
                how = "_deflated" if method == DEFLATED else ""
                member = b(method=method, central=three | {"extra": zip64_extra(*values)})
                if method == DEFLATED and key == "size":
                    values[1] = len(member.payload)
                    member.central["extra"] = zip64_extra(*values)
                yield error(f"{key}_{name}{how}", row, archive([a(), member]), ANY)


def disks():
    row = "multi-disk"
    plain = [a(), b()]
    for name, data in [
        ("end_record_on_disk_1", archive(plain, end={"disk": 1})),
        ("directory_on_disk_1", archive(plain, end={"directory_disk": 1})),
        ("end_record_and_directory_on_disk_1", archive(plain, end={"disk": 1, "directory_disk": 1})),
        ("zip64_end_record_on_disk_1", archive(plain, end64={"disk": 1})),
        ("zip64_directory_on_disk_1", archive(plain, end64={"directory_disk": 1})),
        ("locator_on_disk_1", archive(plain, end64={}, locator={"disk": 1})),
        ("locator_of_2_disks", archive(plain, end64={}, locator={"disks": 2})),
    ]:
        yield refused(name, row, data, DISK)
    yield either("locator_of_0_disks", row, archive(plain, end64={}, locator={"disks": 0}))
    yield error("entry_on_disk_1", row, archive([a(), b(central={"disk": 1})]), DISK)
    yield error("entry_on_disk_65535_without_extra", row, archive([a(), b(central={"disk": MAX16})]), ANY)
    entry = {"disk": MAX16, "offset": MAX32, "extra": zip64_extra(len(a().local_bytes()), disk=1)}
    yield error("entry_on_disk_1_by_its_extra", row, archive([a(), b(central=entry)]), DISK)


def directories():
    row = "damaged directory"
    plain = [a(), b()]
    for name, member in [
        ("entry_signature_wrong", b(central={"signature": b"PK\x01\x03"})),
        ("entry_signature_of_a_local_header", b(central={"signature": b"PK\x03\x04"})),
        ("entry_name_past_the_directory", b(central={"name_len": 600})),
        ("entry_extra_past_the_directory", b(central={"extra_len": 600})),
        ("entry_comment_past_the_directory", b(central={"comment_len": 600})),
        ("entry_name_of_65535_bytes", b(central={"name_len": MAX16})),
        ("entry_comment_one_byte_past_the_directory", b(central={"comment_len": 1})),
    ]:
        yield refused(name, row, archive([a(), member]), ANY)
    data = archive([a(central={"comment_len": 51}), b()])
    yield refused("entry_comment_swallows_the_next_entry", row, data, ANY)
    data = archive([a(central={"comment_len": 51}), b()], end={"entries": 1})
    yield either("entry_comment_swallows_the_next_entry_and_the_count_agrees", row, data, [A])
    row = "unusual but right"
    yield ok("directory_in_another_order", row, archive(plain, directory_order=[1, 0]), [B, A])
    gap = Member("gap", b"\0" * 64)
    body = a().local_bytes() + gap.local_bytes() + b().local_bytes()
    entries = [a().central_bytes(0), b().central_bytes(len(body) - len(b().local_bytes()))]
    yield ok("dead_bytes_between_members", row, with_directory(body, entries))
    yield ok(
        "entry_comments", row, archive([a(central={"comment": b"first"}), b(central={"comment": b"second"})])
    )
    yield ok(
        "made_by_unix", row, archive([a(central={"made_by": 0x031E, "attributes": 0o100644 << 16}), b()])
    )
    yield ok("date_of_month_0", row, archive([a(central={"date": 0}), b()]))
    yield ok(
        "symbolic_link_attributes",
        row,
        archive([a(central={"made_by": 0x031E, "attributes": 0o120777 << 16}), b()]),
    )
    yield ok("utf8_flag_on_ascii_names", row, archive([a(flags=UTF8), b(flags=UTF8)]))
    yield ok("deflate_level_bits", row, archive([a(flags=2, method=DEFLATED), b(flags=6, method=DEFLATED)]))
    yield either("version_needed_255", row, archive([a(central={"version": 255}), b()]))
    signature = b"PK\x05\x05\x04\x00sign"
    yield either("digital_signature_behind_the_directory", row, archive(plain, after_directory=signature))
    offset = len(a().local_bytes())
    pad = extra_field(0xD935, bytes(-(offset + 30 + 5 + 4) % 64))
    yield ok("payload_aligned_by_a_local_extra", row, archive([a(), b(local={"extra": pad})]))


def local_headers():
    row = "local name differs"
    for name, local in [
        ("of_equal_length", b"z.npy"),
        ("in_case", b"B.npy"),
        ("and_is_shorter", b"b"),
        ("and_is_longer", b"bbb.npy"),
        ("and_is_empty", b""),
        ("by_a_folder", b"../b.npy"),
    ]:
        yield spoiled(
            f"local_name_differs_{name}", row, archive([a(), b(local={"name": local})]), a=A, b="~(?i)local"
        )
    row = "local header damaged"
    for name, local in [
        ("signature_wrong", {"signature": b"PK\x03\x05"}),
        ("signature_zero", {"signature": bytes(4)}),
        ("name_length_longer", {"name_len": 6}),
        ("name_length_65535", {"name_len": MAX16}),
    ]:
        yield spoiled(
            f"local_{name}",
            row,
            archive([a(), b(local=local), Member("c.txt", bytes(99))]),
            a=A,
            b=LOCAL,
            **{"c.txt": "~."},
        )
    for name, local in [
        ("longer", {"extra_len": 4}),
        ("shorter", {"extra": bytes(8), "extra_len": 4}),
        ("65535", {"extra_len": MAX16}),
    ]:
        yield spoiled(
            f"local_extra_length_{name}",
            row,
            archive([a(), b(local=local), Member("c.txt", bytes(99))]),
            a=A,
            b="~.",
            **{"c.txt": "~."},
        )
    row = "local method differs"
    yield spoiled(
        "local_method_deflated_but_stored",
        row,
        archive([a(), b(local={"method": DEFLATED})]),
        a=A,
        b="~(?i)method",
    )
    yield spoiled(
        "local_method_stored_but_deflated",
        row,
        archive([a(), b(method=DEFLATED, local={"method": STORED})]),
        a=A,
        b="~(?i)method",
    )
    yield spoiled(
        "local_method_unknown", row, archive([a(), b(local={"method": 1234})]), a=A, b="~(?i)method"
    )
    row = "local sizes or CRC differ"
    size = len(NPY_B)
    for name, local in [
        ("crc_differs", {"crc": 0x12345678}),
        ("crc_is_zero", {"crc": 0}),
        ("size_is_larger", {"size": size + 1}),
        ("size_is_smaller", {"size": size - 1}),
        ("compressed_size_is_larger", {"compressed": size + 1}),
        ("compressed_size_is_smaller", {"compressed": size - 1}),
        ("sizes_are_zero", {"compressed": 0, "size": 0}),
        ("sizes_and_crc_are_zero", {"compressed": 0, "size": 0, "crc": 0}),
        ("sizes_are_sentinels_without_extra", {"compressed": MAX32, "size": MAX32}),
        (
            "sizes_are_sentinels_with_a_short_extra",
            {"compressed": MAX32, "size": MAX32, "extra": zip64_extra(size)},
        ),
        (
            "sizes_are_sentinels_with_other_values",
            {"compressed": MAX32, "size": MAX32, "extra": zip64_extra(size + 1, size)},
        ),
        ("descriptor_flag_without_descriptor", {"flags": 1 << 3}),
        ("encrypted_flag", {"flags": ENCRYPTED}),
        ("utf8_flag_differs", {"flags": UTF8}),
        ("version_differs", {"version": 255}),
    ]:
        yield either(f"local_{name}", row, archive([a(), b(local=local)]))
    row = "np.savez's local zip64 sizes"
    for method, how in [(STORED, "stored"), (DEFLATED, "deflated")]:
        pair = [a(method=method), b(method=method)]
        for member in pair:
            sizes = zip64_extra(len(member.data), len(member.payload))
            member.local |= {"compressed": MAX32, "size": MAX32, "extra": sizes, "version": 45}
        yield ok(f"local_sizes_are_sentinels_as_savez_writes_them_{how}", row, archive(pair))
    yield ok(
        "local_version_45_without_extra", row, archive([a(local={"version": 45}), b(local={"version": 45})])
    )


def descriptors():
    row = "data descriptors"
    for method, how in [(STORED, "stored"), (DEFLATED, "deflated")]:
        for signed in (True, False):
            for zip64 in (False, True):
                form = f"{'with' if signed else 'without'}_signature_of_{64 if zip64 else 32}_bits"
                pair = [
                    with_descriptor(name, data, method, signed=signed, zip64=zip64)
                    for name, data in [("a.npy", NPY_A), ("b.npy", NPY_B)]
                ]
                yield ok(f"descriptor_{form}_{how}", row, archive(pair))
    crc = zlib.crc32(NPY_B)
    size = len(NPY_B)
    yield either("descriptor_announced_but_absent", row, archive([a(), b(descriptor=b"")]))
    yield either(
        "descriptor_with_another_crc", row, archive([a(), b(descriptor=descriptor(crc ^ 1, size, size))])
    )
    yield either(
        "descriptor_with_another_size", row, archive([a(), b(descriptor=descriptor(crc, size, size + 1))])
    )
    yield ok(
        "descriptor_and_local_sizes",
        row,
        archive(
            [
                a(),
                b(
                    descriptor=descriptor(crc, size, size),
                    local={"crc": crc, "compressed": size, "size": size},
                ),
            ]
        ),
    )
    yield either(
        "descriptor_flag_only_in_the_local_header",
        row,
        archive([a(), b(descriptor=descriptor(crc, size, size), central={"flags": 0})]),
    )
    yield either("descriptor_flag_only_in_the_directory", row, archive([a(), b(central={"flags": 1 << 3})]))
    local = {"compressed": MAX32, "size": MAX32, "extra": zip64_extra(0, 0), "version": 45}
    yield ok(
        "descriptor_with_local_zip64_sizes_of_0",
        row,
        archive([a(), b(descriptor=descriptor(crc, size, size, zip64=True), local=local)]),
    )
    wrong = with_descriptor("b.npy", NPY_B)
    wrong.local["name"] = b"z.npy"
    yield spoiled("descriptor_and_another_local_name", row, archive([a(), wrong]), a=A, b="~(?i)local")


def sizes():
    row = "stored sizes unequal"
    size = len(NPY_B)
    for name, changed in [
        ("size_one_more", {"size": size + 1}),
        ("size_one_less", {"size": size - 1}),
        ("size_twice", {"size": 2 * size}),
        ("size_zero", {"size": 0}),
        ("compressed_one_less", {"compressed": size - 1}),
        ("compressed_zero", {"compressed": 0}),
    ]:
        yield error(
            f"stored_{name}",
            row,
            archive([a(), b(central=changed, local=changed), Member("c.txt", b"text")]),
            ANY,
        )
    row = "sizes past the end"
    for number, name in [(1 << 30, "2_to_the_30"), (0xFFFFFFFE, "2_to_the_32_minus_2")]:
        changed = {"size": number, "compressed": number}
        yield refused(f"stored_size_{name}", row, archive([a(), b(central=changed, local=changed)]), BOUNDS)
        changed = {"compressed": number}
        yield refused(
            f"deflated_compressed_size_{name}",
            row,
            archive([a(), b(method=DEFLATED, central=changed, local=changed)]),
            ANY,
        )
    changed = {"size": size + 8, "compressed": size + 8}
    yield refused(
        "stored_size_into_the_directory", row, archive([a(), b(central=changed, local=changed)]), BOUNDS
    )
    yield refused(
        "deflated_size_into_the_directory",
        row,
        archive([a(), b(method=DEFLATED, central={"compressed": size + 8})]),
        BOUNDS,
    )
    offset, _ = place([a(), b()])
    for name, number in [
        ("past_the_end", 1 << 30),
        ("at_the_directory", offset),
        ("at_the_end_record", offset + 102),
        ("just_before_the_directory", offset - 10),
    ]:
        yield refused(f"offset_{name}", row, archive([a(), b(central={"offset": number})]), BOUNDS)
    inside = len(a().local_bytes())
    for name, number in [("one_byte_late", inside + 1), ("at_the_payload", inside + 35)]:
        yield error(f"offset_{name}", row, archive([a(), b(central={"offset": number})]), ANY)
    row = "swallows the next entry"
    swallowed = NPY_A + b().local_bytes()
    sizes = {"size": len(swallowed), "compressed": len(swallowed)}
    right = sizes | {"crc": zlib.crc32(swallowed)}
    yield refused(
        "stored_swallows_the_next_entry", row, archive([a(central=sizes, local=sizes), b()]), "~(?i)overlap"
    )
    yield refused(
        "stored_swallows_the_next_entry_with_the_right_crc",
        row,
        archive([a(central=right, local=right), b()]),
        "~(?i)overlap",
    )
    yield error(
        "stored_swallows_one_byte_of_the_next_entry",
        row,
        archive([a(central={"size": len(NPY_A) + 1, "compressed": len(NPY_A) + 1}), b()]),
        "~(?i)overlap|expected",
    )
    packed = a(method=DEFLATED)
    packed.central["compressed"] = len(packed.payload) + len(b().local_bytes())
    yield refused("deflated_swallows_the_next_entry", row, archive([packed, b()]), "~(?i)overlap")


def bombs():
    row = "inflated size is not the declared one"
    size = len(NPY_B)
    for name, number, text in [
        ("one_more", size + 1, SIZE),
        ("one_less", size - 1, SIZE),
        ("1000_more", size + 1000, SIZE),
        ("of_the_header_only", 128, SIZE),
        ("zero", 0, SIZE),
        ("2_to_the_30", 1 << 30, "~(?i)exceeds|ratio|limit|bytes"),
    ]:
        changed = {"size": number}
        data = archive([a(method=DEFLATED), b(method=DEFLATED, central=changed, local=changed)])
        yield error(f"inflated_size_{name}", row, data, text)
    data = archive(
        [
            a(),
            Member(
                "b.npy",
                npy("|u1", (1 << 22,), bytes(1 << 22)),
                DEFLATED,
                central={"size": 200},
                local={"size": 200},
            ),
        ]
    )
    yield error("inflates_to_4_mib_instead_of_200_bytes", row, data, SIZE)
    row = "declared 900 MB from 100 bytes"
    for number in (900_000_000, 1 << 30):
        changed = {"size": number, "crc": 0}
        data = archive([a(), b(method=DEFLATED, central=changed, local=changed)])
        yield error(f"declares_{number}_bytes_from_100", row, data, LIMIT)
    header = npy("|u1", (900_000_000,), b"")
    changed = {"size": 900_000_000 + 128}
    data = archive([a(), Member("b.npy", header, DEFLATED, central=changed, local=changed)])
    yield error("declares_900_mb_and_the_header_agrees", row, data, LIMIT)
    row = "ratio below 1032"
    count = 1 << 20
    zeros = npy("|u1", (count,), bytes(count))
    yield ok(
        "deflated_zeros_near_1032_to_1",
        row,
        archive([a(), Member("z.npy", zeros, DEFLATED)]),
        [A, value("z", "|u1", (count,), bytes(count))],
    )
    row = "> 1 GiB declared in total"
    for name, numbers in [
        ("two_of_600_mb", [600_000_000] * 2),
        ("one_of_1_gib_and_1_byte", [(1 << 30) + 1]),
        ("three_whose_sum_wraps", [MAX64 // 3 + 1] * 3),
    ]:
        members = []
        for index, number in enumerate(numbers):
            member = Member(f"m{index}.npy", NPY_A, DEFLATED)
            if number > MAX32:
                member.central |= {"size": MAX32, "extra": zip64_extra(number)}
            else:
                member.central |= {"size": number}
            members.append(member)
        yield refused(f"declares_{name}", row, archive(members), ANY)


def checksums():
    row = "CRC wrong or zero"
    for method, how in [(STORED, "stored"), (DEFLATED, "deflated")]:
        for name, crc in [("wrong", zlib.crc32(NPY_B) ^ 1), ("zero", 0)]:
            changed = {"crc": crc}
            yield spoiled(
                f"crc_{name}_{how}",
                row,
                archive([a(), b(method=method, central=changed, local=changed)]),
                a=A,
                b=CRC,
            )
        changed = NPY_B[:-1] + b"\x01"
        payload = deflate(changed) if method == DEFLATED else changed
        central = {"compressed": len(payload)}
        yield spoiled(
            f"payload_changed_{how}",
            row,
            archive([a(), b(method=method, payload=payload, central=central)]),
            a=A,
            b=CRC,
        )
        changed = NPY_B.replace(b"<i8", b"<u8")
        payload = deflate(changed) if method == DEFLATED else changed
        yield spoiled(
            f"header_changed_{how}", row, archive([a(), b(method=method, payload=payload)]), a=A, b=CRC
        )
    row = "corrupt array and a long tail"
    tail = bytes(40_000)
    for method, how in [(STORED, "stored"), (DEFLATED, "deflated")]:
        changed = NPY_B[:-1] + b"\x01" + tail
        payload = deflate(changed) if method == DEFLATED else changed
        yield spoiled(
            f"corrupt_array_and_a_tail_of_40_kb_{how}",
            row,
            archive([a(), Member("b.npy", NPY_B + tail, method, payload)]),
            a=A,
            b=CRC,
        )
    yield ok(
        "array_and_a_tail_of_40_kb_deflated", row, archive([a(), Member("b.npy", NPY_B + tail, DEFLATED)])
    )
    yield ok("array_and_a_tail_of_100_bytes_stored", row, archive([a(), Member("b.npy", NPY_B + bytes(100))]))


def methods():
    row = "encrypted"
    for name, flags in [("", ENCRYPTED), ("_strongly", ENCRYPTED | 1 << 6)]:
        yield spoiled(f"encrypted{name}_stored", row, archive([a(), b(flags=flags)]), a=A, b="~(?i)encrypt")
    yield spoiled(
        "encrypted_deflated", row, archive([a(), b(flags=ENCRYPTED, method=DEFLATED)]), a=A, b="~(?i)encrypt"
    )
    yield spoiled(
        "encrypted_by_the_directory_only",
        row,
        archive([a(), b(central={"flags": ENCRYPTED})]),
        a=A,
        b="~(?i)encrypt",
    )
    yield either("encrypted_local_header", row, archive([a(), b(flags=1 << 13)]))
    yield either("compressed_patch_data", row, archive([a(), b(flags=1 << 5)]))
    row = "bzip2, lzma, zstd"
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}]
    raw = lzma.compress(NPY_B, lzma.FORMAT_RAW, filters=filters)
    lzma_payload = struct.pack("<HH", 0x0409, 5) + b"\x5d" + struct.pack("<I", 1 << 16) + raw
    zstd = b"\x28\xb5\x2f\xfd\x20" + bytes([len(NPY_B)]) + (len(NPY_B) << 3 | 1).to_bytes(3, "little") + NPY_B
    for name, number, payload in [
        ("bzip2", 12, bz2.compress(NPY_B)),
        ("lzma", 14, lzma_payload),
        ("zstd", 93, zstd),
        ("old_zstd", 20, zstd),
    ]:
        yield spoiled(f"method_{name}", row, archive([a(), b(method=number, payload=payload)]), a=A, b=METHOD)
    row = "other methods"
    for number in (1, 2, 6, 7, 9, 10, 18, 94, 95, 96, 97, 98, 99, 0x108, MAX16):
        yield spoiled(f"method_{number}", row, archive([a(), b(method=number, payload=NPY_B)]), a=A, b=METHOD)


def deflate_streams():
    row = "deflate stream damaged"
    whole = deflate(NPY_B)
    flushed = zlib.compressobj(9, zlib.DEFLATED, -15)
    unfinished = flushed.compress(NPY_B) + flushed.flush(zlib.Z_SYNC_FLUSH)
    for name, payload in [
        ("cut_by_1", whole[:-1]),
        ("cut_in_half", whole[: len(whole) // 2]),
        ("empty", b""),
        ("without_a_final_block", unfinished),
        ("of_block_type_3", b"\x07" + whole[1:]),
        ("of_random_bytes", bytes(index * 37 % 256 for index in range(200))),
        ("with_a_distance_too_far", b"\x03\x02\x00"),
        ("with_unequal_stored_lengths", b"\x01" + struct.pack("<HH", len(NPY_B), 0) + NPY_B),
        ("wrapped_in_zlib", zlib.compress(NPY_B)),
        (
            "wrapped_in_gzip",
            b"\x1f\x8b\x08" + bytes(6) + b"\xff" + whole + struct.pack("<II", zlib.crc32(NPY_B), len(NPY_B)),
        ),
        ("that_is_the_plain_data", NPY_B),
    ]:
        yield spoiled(
            f"deflate_stream_{name}",
            row,
            archive([a(), b(method=DEFLATED, payload=payload)]),
            a=A,
            b=INVALID_DEFLATE,
        )
    row = "bytes behind the deflate stream"
    for name, tail in [
        ("a_nul", b"\0"),
        ("text", b"trailing garbage"),
        ("another_stream", whole),
        ("an_empty_stream", b"\x03\x00"),
    ]:
        yield spoiled(
            f"deflate_stream_followed_by_{name}",
            row,
            archive([a(), b(method=DEFLATED, payload=whole + tail)]),
            a=A,
            b="~(?i)deflate|consumed|bytes",
        )
    row = "unusual but right"
    fixed = zlib.compressobj(9, zlib.DEFLATED, -15, 8, zlib.Z_FIXED)
    for name, payload in [
        ("of_stored_blocks", deflate(NPY_B, 0)),
        ("of_fixed_codes", fixed.compress(NPY_B) + fixed.flush()),
        ("with_an_empty_last_block", unfinished + b"\x03\x00"),
        ("with_empty_stored_blocks", b"\x00\x00\x00\xff\xff" * 5 + whole),
    ]:
        yield ok(f"deflate_stream_{name}", row, archive([a(), b(method=DEFLATED, payload=payload)]))


def overlaps():
    row = "overlap"
    text = "~(?i)overlap|does not end before"
    first = a()
    entries = [first.central_bytes(0), first.central_bytes(0)]
    yield refused("overlap_same_header_same_name", row, with_directory(first.local_bytes(), entries), text)
    entries = [first.central_bytes(0), Member("b.npy", NPY_A).central_bytes(0)]
    yield refused("overlap_same_header_another_name", row, with_directory(first.local_bytes(), entries), text)

    inner = b().local_bytes()
    outer = Member("a.npy", npy("|u1", (len(inner) + 16,), bytes(8) + inner + bytes(8)))
    start = len(outer.local_bytes()) - len(inner) - 8
    entries = [outer.central_bytes(0), b().central_bytes(start)]
    yield refused("overlap_nested", row, with_directory(outer.local_bytes(), entries), text)
    yield refused(
        "overlap_nested_listed_in_reverse", row, with_directory(outer.local_bytes(), entries[::-1]), text
    )

    for name, shared in [("tail_of_1_byte", 1), ("tail_of_10_bytes", 10), ("tail_up_to_the_payload", 35)]:
        outer = Member("a.npy", npy("|u1", (64 + shared,), bytes(64) + inner[:shared]))
        body = outer.local_bytes() + inner[shared:]
        entries = [outer.central_bytes(0), b().central_bytes(len(outer.local_bytes()) - shared)]
        # One byte of overlap shows only when the local header tells how long it is.
        yield error(f"overlap_{name}", row, with_directory(body, entries), BOUNDS)

    yield refused("overlap_quoted_by_deflate_blocks", row, quoted(4), text)

    # The header of one stands in the local extra field of the other.
    extra = extra_field(0x9999, inner)
    outer = a(local={"extra": extra})
    entries = [outer.central_bytes(0), b().central_bytes(30 + 5 + 4)]
    yield error("overlap_quoted_by_an_extra_field", row, with_directory(outer.local_bytes(), entries), ANY)

    comment = b().local_bytes()
    offset, size = place([a()])
    outside = b().central_bytes(offset + size + 51 + 22)
    data = a().local_bytes() + a().central_bytes(0) + outside
    data += end_record(entries=2, directory_size=size + 51, directory_offset=offset, comment=comment)
    yield refused("member_inside_the_archive_comment", row, data, ANY)
    hidden = directory_entry(b"a.npy", **a().fields, comment=inner)
    offset, _ = place([a()])
    entry = b().central_bytes(offset + 51)
    yield refused(
        "member_inside_an_entry_comment", row, with_directory(a().local_bytes(), [hidden, entry]), ANY
    )
    empty = Member("empty.txt", b"")
    yield either(
        "overlap_of_two_empty_members",
        row,
        with_directory(
            a().local_bytes() + empty.local_bytes(),
            [a().central_bytes(0)] + [empty.central_bytes(len(a().local_bytes()))] * 2,
        ),
        [A],
    )


def quoted(count):
    """Fifield 2019: each stream quotes the next local header in a stored block and runs on into that member.

    Every member is a valid array with a right CRC; all but the innermost share their bytes.
    """

    def stored_block(size):
        return b"\0" + struct.pack("<HH", size, size ^ MAX16)

    data = npy("|u1", (20_000,), bytes(20_000))
    payload = deflate(data)
    body = b""
    found = []
    for index in reversed(range(count)):
        member = Member(f"m{index}.npy", data, DEFLATED, payload)
        body = member.local_bytes()
        found.insert(0, (member, len(body)))
        header = body[: -len(payload)]
        array = npy("|u1", (len(header) + len(data),), b"")
        payload = stored_block(len(array)) + array + stored_block(len(header)) + body
        data = array + header + data
    return with_directory(body, [member.central_bytes(len(body) - size) for member, size in found])


def named(file, row, *names):
    """An archive whose members have these names and hold `a` and `b`; the keys are the names without `.npy`."""
    arrays = [(NPY_A, A), (NPY_B, B)]
    members = [Member(name, data) for name, (data, _) in zip(names, arrays)]
    keys = [name.removesuffix(".npy") for name in names]
    return ok(file, row, archive(members), [[key, *known[1:]] for key, (_, known) in zip(keys, arrays)])


def names():
    row = "names: .., absolute, long, bidi, case, NUL"
    yield named("name_with_two_dots", row, "../../x.npy")
    yield named("name_absolute", row, "/etc/x.npy")
    yield named("name_with_a_drive", row, "C:\\x.npy")
    yield named("name_with_backslashes", row, "..\\x.npy", "x\\y.npy")
    yield named("name_in_a_folder", row, "layer/0/weight.npy", "layer/0/bias.npy")
    yield named("name_of_1500_characters", row, "x" * 1496 + ".npy")
    yield named("name_of_the_suffix_only", row, ".npy")
    yield named("name_empty", row, "")
    yield named("name_with_the_suffix_twice", row, "x.npy.npy", "x")
    alternatives = [[key, *known[1:]] for key in ("x.npy", "x") for known in (A, B)]
    pair = archive([Member("x.npy.npy", NPY_A), Member("x.npy", NPY_B)])
    yield either("name_with_the_suffix_twice_beside_the_name_with_it_once", row, pair, alternatives)
    yield named("name_with_the_suffix_in_upper_case", row, "x.NPY")
    yield named("name_bidirectional", row, "\u202eyn.x.npy", "\u200bx.npy")
    yield named("names_that_differ_in_case", row, "x.npy", "X.npy")
    composed = "\u00e9.npy"
    yield named("names_that_differ_in_normalisation", row, composed, unicodedata.normalize("NFD", composed))
    yield named("name_with_nul", row, "a\0b.npy", "a.npy")
    yield named("name_with_control_characters", row, "a\n\t\x1b[31m.npy")
    yield named("name_with_spaces", row, " x .npy", "x.npy ")
    yield named("name_like_a_method", row, "files.npy", "__class__.npy")
    yield named("name_in_unicode", row, "größe_π_😀.npy")
    row = "cp437 names, invalid UTF-8"
    for name, raw in [
        ("name_in_cp437", b"caf\x82.npy"),
        ("name_of_all_high_bytes_in_cp437", bytes(range(128, 256)) + b".npy"),
        ("name_in_utf8_without_the_flag", "é.npy".encode()),
    ]:
        key = raw.decode("cp437").removesuffix(".npy")
        yield ok(name, row, archive([Member(raw, NPY_A), b()]), [[key, *A[1:]], B])
    for name, raw in [
        ("invalid_byte", b"\xff.npy"),
        ("surrogate", b"\xed\xa0\x80.npy"),
        ("overlong", b"\xc0\xaf.npy"),
        ("cut", b"x\xe2\x82"),
    ]:
        yield refused(
            f"name_in_invalid_utf8_{name}", row, archive([a(), Member(raw, NPY_B, flags=UTF8)]), "~(?i)utf-8"
        )
    row = "duplicate names"
    duplicate = "~(?i)2 members|duplicate|twice"
    for name, other in [("", OLD), ("_of_equal_bytes", NPY_B), ("_the_last_being_no_array", b"text")]:
        yield spoiled(
            f"duplicate_name{name}", row, archive([b(), a(), Member("b.npy", other)]), a=A, b=duplicate
        )
    yield spoiled(
        "duplicate_name_thrice", row, archive([b(), b(), a(), b()]), a=A, b="~(?i)3 members|duplicate"
    )
    yield spoiled(
        "duplicate_name_stored_and_deflated", row, archive([b(), a(), b(method=DEFLATED)]), a=A, b=duplicate
    )
    alternatives = [["b", *B[1:]], ["b", *value("b", "<i8", (3,), bytes(24))[1:]]]
    yield either(
        "same_key_with_and_without_the_suffix", row, archive([a(), b(), Member("b", OLD)]), [A, *alternatives]
    )


def members():
    row = "directories, text, empty members"
    no_npy = "~not NPY data"
    others = [
        Member("folder/"),
        Member("readme.txt", b"read me\n"),
        Member("empty.txt"),
        Member("short", b"\x93NUM"),
    ]
    detail = {"a": A, "b": B} | {member.name.decode(): no_npy for member in others}
    yield spoiled_names("folders_and_text", row, archive([*others[:2], a(), *others[2:], b()]), detail)
    yield spoiled("empty_npy_member", row, archive([a(), Member("b.npy")]), a=A, b=no_npy)
    yield spoiled(
        "empty_npy_member_deflated", row, archive([a(), Member("b.npy", b"", DEFLATED)]), a=A, b=no_npy
    )
    yield spoiled("text_named_npy", row, archive([a(), Member("b.npy", b"hello")]), a=A, b=no_npy)
    yield spoiled(
        "npz_inside_npz", row, archive([a(), Member("b.npz", archive([b()]))]), **{"a": A, "b.npz": no_npy}
    )
    yield either(
        "empty_deflated_member_of_no_bytes", row, archive([a(), Member("b.txt", b"", DEFLATED, b"")]), [A]
    )
    row = "NPY without the suffix"
    yield ok("npy_member_without_the_suffix", row, archive([a(), Member("b", NPY_B)]))
    yield ok("npy_member_without_the_suffix_deflated", row, archive([a(), Member("b", NPY_B, DEFLATED)]))
    yield ok(
        "npy_member_with_another_suffix", row, archive([a(), Member("b.bin", NPY_B)]), [A, ["b.bin", *B[1:]]]
    )
    yield either(
        "npy_member_named_like_a_folder", row, archive([a(), Member("b/", NPY_B)]), [A, ["b/", *B[1:]]]
    )
    row = "one bad member among good"
    for method, how in [(STORED, "stored"), (DEFLATED, "deflated")]:
        bad = [
            Member("object.npy", npy("|O", (3,), PICKLE), method),
            Member("short.npy", NPY_B[:-1], method),
            Member("syntax.npy", NPY_B.replace(b"shape", b"shppe"), method),
            Member("crc.npy", NPY_B, method, central={"crc": 1}, local={"crc": 1}),
            Member("text.npy", b"text", method),
            Member("name.npy", NPY_B, method, local={"name": b"nmae.npy"}),
        ]
        mixed = [a(method=method)]
        for member in bad:
            mixed += [member]
        mixed += [
            b(method=method),
            Member("method.npy", NPY_B, 12),
            Member("secret.npy", NPY_B, flags=ENCRYPTED),
        ]
        texts = {
            "object": f'dtype "|O" {OBJECT}',
            "short": 'payload has 23 bytes, but shape (3,) of "<i8" needs 24',
            "syntax": '~header: key "shppe" is not one of',
            "crc": CRC,
            "text": no_npy,
            "name": "~(?i)local",
            "method": METHOD,
            "secret": "~(?i)encrypt",
        }
        yield spoiled_names(f"bad_members_among_good_{how}", row, archive(mixed), {"a": A, "b": B} | texts)
    row = "object dtype"
    for name, descr, shown in [
        ("member", "|O", '"|O"'),
        ("member_in_a_field", "[('x', '|O')]", "[('x', '|O')]"),
    ]:
        yield spoiled(
            f"object_{name}",
            row,
            archive([a(), Member("b.npy", npy(descr, (1,), PICKLE))]),
            a=A,
            b=f"dtype {shown} {OBJECT}",
        )


def extra_fields():
    row = "malformed extra fields"
    size = len(NPY_B)
    for name, extra in [
        ("of_1_byte", b"\x01"),
        ("of_3_bytes", b"\x01\x00\x08"),
        ("that_claims_more_than_is_there", struct.pack("<HH", 0x5455, 100) + b"\x01"),
        ("of_zeros", bytes(7)),
        ("with_a_byte_behind", extra_field(0x5455, b"\x01\0\0\0\0") + b"\x99"),
        ("with_a_zip64_field_of_no_bytes", zip64_extra()),
        ("with_a_zip64_field_that_claims_more", struct.pack("<HH", 1, 100)),
        (
            "with_a_unicode_path",
            extra_field(0x7075, b"\x01" + struct.pack("<I", zlib.crc32(b"b.npy")) + b"c.npy"),
        ),
        ("of_an_unknown_kind", extra_field(0xCAFE, b"\x01\x02\x03")),
        ("of_aes", extra_field(0x9901, b"\x02\x00AE\x03\x00\x00")),
    ]:
        yield either(f"extra_{name}_in_the_directory", row, archive([a(), b(central={"extra": extra})]))
        yield either(f"extra_{name}_in_the_local_header", row, archive([a(), b(local={"extra": extra})]))
    sentinels = {"compressed": MAX32, "size": MAX32}
    extra = b"\x01" + zip64_extra(size, size)
    yield error(
        "zip64_extra_one_byte_late", row, archive([a(), b(central=sentinels | {"extra": extra})]), ANY
    )


def big_npz_cases():
    """Cases of a size that nobody wants in a repository."""
    row = "comment of any length"
    yield ok("comment_of_65535_bytes", row, archive([a(), b()], comment=b"x" * MAX16))
    signatures = (b"PK\x05\x06" * (MAX16 // 4 + 1))[:MAX16]
    yield either(
        "comment_of_65535_bytes_of_end_signatures",
        "end record inside the comment",
        archive([a(), b()], comment=signatures),
    )
    row = "names: .., absolute, long, bidi, case, NUL"
    yield named("name_of_60000_characters", row, "x" * 59_996 + ".npy")
    tiny = b"\x93NUMPY\x01\x00\x3b\x00" + b"{'descr':'|u1','fortran_order':False,'shape':(1,)}".ljust(59)

    def many(count):
        return [Member(f"m{index:05}.npy", tiny + bytes([index % 251])) for index in range(count)]

    def ends(count):
        last = count - 1
        return [
            count,
            value("m00000", "|u1", (1,), b"\0"),
            value(f"m{last:05}", "|u1", (1,), bytes([last % 251])),
        ]

    row = "65,536 members without zip64"
    yield ok("members_65535", row, archive(many(MAX16)), ends(MAX16))
    yield either("members_65536_without_zip64", row, archive(many(1 << 16)), ends(1 << 16))
    yield either("members_65537_without_zip64", row, archive(many((1 << 16) + 1)), ends((1 << 16) + 1))
    row = "zip64 end records"
    yield ok("members_65536_with_zip64", row, archive(many(1 << 16), end64={}), ends(1 << 16))
    yield ok("members_65537_with_zip64", row, archive(many((1 << 16) + 1), end64={}), ends((1 << 16) + 1))
    row = "overlap"
    body = a().local_bytes()
    yield refused(
        "overlap_same_header_65000_times",
        row,
        with_directory(body, [Member(f"m{index:05}.npy", NPY_A).central_bytes(0) for index in range(65_000)]),
        "~(?i)overlap",
    )
    row = "inflated size is not the declared one"
    zeros = npy("|u1", (64 << 20,), bytes(64 << 20))
    data = archive([a(), Member("b.npy", zeros, DEFLATED, central={"size": 200}, local={"size": 200})])
    yield error("inflates_to_64_mib_instead_of_200_bytes", row, data, SIZE)
