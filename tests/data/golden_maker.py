"""Writes files with whatever NumPy runs this, from 1.13 on Python 2.7 to the newest: `golden_maker.py DIR`.

Run like this it writes a choice of files; generate.py lets the newest NumPy write them all. The files go to `DIR/numpy-<version>/`, their rows to `DIR/manifest.tsv`; other versions' are left alone.
"""

import hashlib
import io
import json
import os
import shutil
import sys
import warnings

import numpy as np

PYTHON2 = sys.version_info[0] == 2
FEW = [
    "b1",
    "i8",
    "f2",
    "f4",
    "c16",
    "M8_ns",
    "S5",
    "U3",
    "V5",
    "i8_big_endian",
    "f4_fortran",
    "f8_0_d",
    "S5_no_rows",
    "f4_3_d_fortran",
    "i8_strided",
]
NUMBERS = "i2 i4 i8 u2 u4 u8 f2 f4 f8 f16 c8 c16 c32 M8[s] M8[ms] M8[us] M8[ns] M8[D] m8[s] m8[ms] m8[us] m8[ns] m8[D] U3"
OTHERS = "M8 M8[Y] M8[M] M8[W] M8[h] M8[m] M8[10ms] M8[25s] M8[ps] M8[as] m8 m8[Y] m8[M] m8[W] m8[h] m8[m] m8[7D] U1 U40"
BYTES = "b1 i1 u1 S1 S5 V1 V5"
RECORDS = [
    ("plain", [("x", "<f4"), ("y", "<i8")]),
    ("big_endian", [("x", ">f4"), ("y", ">i8")]),
    ("padded", np.dtype({"names": ["x", "y"], "formats": ["u1", "<f8"], "offsets": [0, 8], "itemsize": 24})),
    ("nested", [("p", [("x", "<f4"), ("y", "<f4")]), ("n", "<u2")]),
    ("sub_array", [("a", "<i2", (2, 3)), ("b", "?")]),
    ("titles", [(("the x", "x"), "<f4"), (("the y", "y"), "<i8")]),
    ("mixed", [("s", "S3"), ("u", "<U2"), ("t", "<M8[us]"), ("c", "<c8"), ("h", "<f2"), ("d", "<m8[s]")]),
]


def folder_name(version):
    """Where the files of this NumPy are."""
    return "numpy-" + version


def array_of(dtype, shape, order="C"):
    """An array of recognisable values, the same on every machine: no padding bytes but zeros."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape, dtype=int))
    if dtype.names is not None:
        array = np.frombuffer(bytes(bytearray(count * dtype.itemsize)), dtype).copy().reshape(shape)
        for name in dtype.names:
            field = array[name]
            array[name] = array_of(field.dtype, field.shape)
        return array
    if dtype.kind == "b":
        values = np.arange(count) % 3 == 1
    elif dtype.kind in "SU":
        length = dtype.itemsize // (4 if dtype.kind == "U" else 1)
        text = b"ab\xc3\xa9\xce\xb2" if dtype.kind == "U" else b"ab\t~"
        text = text.decode("utf-8") + (b"cdefg" * 9).decode("ascii")
        values = [text[: index % (length + 1)] for index in range(count)]
        values = [value if dtype.kind == "U" else value.encode("ascii") for value in values]
    elif dtype.kind == "V":
        raw = bytes(bytearray(index * 7 % 256 for index in range(count * dtype.itemsize)))
        return np.frombuffer(raw, dtype).reshape(shape, order=order)
    elif dtype.kind in "Mm":
        values = np.arange(count, dtype="i8") * 1000003 - 5
        if count > 1:
            values[1] = np.iinfo("i8").min
        return np.array(values.astype(dtype.byteorder + "i8").view(dtype).reshape(shape), order=order)
    else:
        values = np.arange(count) * (3 if dtype.itemsize == 1 else 5) + 1
        if dtype.kind in "fc":
            values = values / 4.0
        if dtype.kind in "ifc":
            values = values * np.where(np.arange(count) % 2, 1, -1)
        if dtype.kind == "c":
            values = values + 1j * np.arange(count)
    if dtype.kind in "fc" and dtype.itemsize == (16 if dtype.kind == "f" else 32):
        # A long double of x86 has six bytes that nobody sets.
        parts = np.zeros(count * dtype.itemsize, "u1").reshape(-1, 16)
        exact = np.array(values, dtype.newbyteorder("=")).view("u1").reshape(-1, 16)
        parts[:, :10] = exact[:, :10]
        native = np.frombuffer(parts.tobytes(), dtype.newbyteorder("="))
        array = native.byteswap().view(dtype) if dtype.byteorder == ">" else native.view(dtype)
        return np.array(array.reshape(shape), order=order)
    return np.array(np.array(values, dtype).reshape(shape), order=order)


def description(name, array, fortran):
    """What the manifest says of an array."""
    dtype = array.dtype
    descr = (
        dtype.str if dtype.names is None else repr(np.lib.format.header_data_from_array_1_0(array)["descr"])
    )
    raw = np.ascontiguousarray(array).tobytes() if dtype.names is None else array.tobytes()
    return [name, descr, list(array.shape), bool(fortran), hashlib.sha256(raw).hexdigest()]


def is_fortran(array):
    """What NumPy writes for fortran_order."""
    return array.flags.f_contiguous and not array.flags.c_contiguous


def npy_arrays():
    """The arrays of the npy files by name."""
    for code in (NUMBERS + " " + OTHERS + " " + BYTES).split():
        name = code.replace("[", "_").replace("]", "")
        yield name, array_of(np.dtype("<" + code), (2, 3))
    for code in NUMBERS.split():
        name = code.replace("[", "_").replace("]", "")
        yield name + "_big_endian", array_of(np.dtype(">" + code), (2, 3))
    for name in ["b1", "i8", "f2", "f4", "c16", "M8[ns]", "S5", "U3", "V5"]:
        code = name.replace("[", "_").replace("]", "")
        yield code + "_fortran", array_of(np.dtype(name), (2, 3), "F")
        yield code + "_0_d", array_of(np.dtype(name), ())
        yield code + "_no_rows", array_of(np.dtype(name), (0, 3))
    yield "f4_1_d", array_of("<f4", (7,))
    yield "f4_3_d", array_of("<f4", (2, 3, 2))
    yield "f4_3_d_fortran", array_of("<f4", (2, 3, 2), "F")
    yield "f8_big_endian_fortran", array_of(">f8", (3, 2), "F")
    yield "f4_no_columns", array_of("<f4", (3, 0))
    yield "f4_8_d", array_of("<f4", (1, 2, 1, 2, 1, 1, 3, 1))
    yield "i8_many_dimensions", array_of("<i8", (1,) * 32)
    yield "i8_strided", array_of("<i8", (4, 6))[::2, ::3]
    for name, dtype in RECORDS:
        yield "record_" + name, array_of(dtype, (3,))
    yield "record_0_d", array_of([("x", "<f4"), ("y", "<i8")], ())
    yield "record_2_d", array_of([("x", "<f4"), ("y", "<i8")], (2, 2))


class Stream(io.RawIOBase):
    """A file that cannot seek, so that zipfile writes data descriptors."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def make(root, everything=False):
    """Writes this NumPy's files and its part of the manifest."""
    folder = folder_name(np.__version__)
    shutil.rmtree(os.path.join(root, folder), ignore_errors=True)
    os.makedirs(os.path.join(root, folder))
    rows = []

    def add(name, data, *arrays):
        with open(os.path.join(root, folder, name), "wb") as file:
            file.write(data)
        detail = [description(*array) for array in arrays]
        rows.append([folder + "/" + name, np.__version__, json.dumps(detail)])

    def npy_bytes(array, version=None):
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.lib.format.write_array(file, array, version=version)
        return file.getvalue()

    for name, array in npy_arrays():
        if everything or name in FEW or name.startswith("record"):
            add(name + ".npy", npy_bytes(array), ("", array, is_fortran(array)))
    plain = array_of("<f4", (2, 3))
    add("version_2_0.npy", npy_bytes(plain, (2, 0)), ("", plain, False))
    wide = array_of([("field_{:04}_{}".format(index, "x" * 60), "u1") for index in range(40)], (2,))
    add("header_of_4_kb.npy", npy_bytes(wide), ("", wide, False))
    if PYTHON2:
        # A shape of longs, as Python 2 had on Windows and after arithmetic.
        file = io.BytesIO()
        header = {"descr": "<f4", "fortran_order": False, "shape": (long(2), long(3))}  # noqa: F821
        np.lib.format.write_array_header_1_0(file, header)
        add("long_dimensions.npy", file.getvalue() + plain.tobytes(), ("", plain, False))
    else:
        latin1 = array_of([("gr\u00f6\u00dfe", "<f4")], (3,))
        add("latin1_field_name.npy", npy_bytes(latin1), ("", latin1, False))
        try:
            add("version_3_0.npy", npy_bytes(plain, (3, 0)), ("", plain, False))
            greek = array_of([("\u03c0", "<f4")], (3,))
            add("utf8_field_name.npy", npy_bytes(greek), ("", greek, False))
        except ValueError:
            pass  # before NumPy 1.17

    def add_npz(name, save, file, arrays):
        save(file, **arrays)
        data = bytes(file.data) if isinstance(file, Stream) else file.getvalue()
        # Python 2 has no order of keyword arguments.
        order = np.load(io.BytesIO(data)).files if PYTHON2 else list(arrays)
        add(name + ".npz", data, *[(key, arrays[key], is_fortran(arrays[key])) for key in order])

    arrays = {
        "x": array_of("<f4", (2, 3)),
        "y": array_of(">i8", (3, 2), "F"),
        "text": array_of("<U3", (4,)),
        "flag": array_of("?", (5,)),
        "scalar": array_of("<f8", ()),
    }
    for name, save in [("savez", np.savez), ("savez_compressed", np.savez_compressed)]:
        add_npz(name, save, io.BytesIO(), arrays)
        if not PYTHON2:
            add_npz(name + "_to_a_stream", save, Stream(), arrays)
    add_npz("savez_of_nothing", np.savez, io.BytesIO(), {})
    add_npz("savez_of_a_folder_name", np.savez, io.BytesIO(), {"layer/0/w": plain})
    if not PYTHON2:
        add_npz("savez_of_a_unicode_name", np.savez, io.BytesIO(), {"gr\u00f6\u00dfe_\u03c0": plain})
    pair = {"arr_0": plain, "arr_1": arrays["flag"]}
    add_npz("savez_positional", lambda file, arr_0, arr_1: np.savez(file, arr_0, arr_1), io.BytesIO(), pair)
    merge(os.path.join(root, "manifest.tsv"), rows)


def merge(path, rows):
    """Replaces this NumPy's rows in the manifest."""
    kept = []
    if os.path.exists(path):
        with open(path, "rb") as file:
            kept = [line.decode("ascii").split("\t") for line in file.read().splitlines()][1:]
    rows = sorted([row for row in kept if row[1] != np.__version__] + rows)
    lines = ["\t".join(row) + "\n" for row in [["file", "numpy", "arrays"]] + rows]
    with open(path, "wb") as file:
        file.write("".join(lines).encode("ascii"))


if __name__ == "__main__":
    make(sys.argv[1])
