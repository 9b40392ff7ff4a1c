"""The NPY half of the hostile corpus."""

import ast
import struct

from cases import MAGIC, Case, header_text, npy, npy_of, preamble, value

FLOATS = struct.pack("<6f", 0, 1, 2, 3, 4, 5)
INTS = struct.pack("<3q", 10, -20, 30)
# Would divide by zero if it were ever unpickled.
PICKLE = b"cbuiltins\neval\n(V1/0\ntR."
OBJECT = "holds pickled Python objects, which are never loaded"
REST = ", 'fortran_order': False, 'shape': (3,), }"
HTML = b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head><body>try later</body></html>\n"
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>\n'
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a2146" * 8 + b"\nsize 128\n"
GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03" + b"\x03\x00" + bytes(8)


def npy_cases():
    """Yields the cases; each family has its own function."""
    yield from not_npy()
    yield from versions()
    yield from header_lengths()
    yield from alignment()
    yield from encodings()
    yield from spellings()
    yield from keys()
    yield from nesting()
    yield from shapes()
    yield from type_strings()
    yield from objects()
    yield from records()
    yield from payloads()


def ok(name, row, data, dtype="<f4", shape=(2, 3), payload=FLOATS):
    """The file must load to this."""
    return Case(f"npy/{name}.npy", row, data, "value", [value("", dtype, shape, payload)], True)


def either(name, row, data, dtype="<f4", shape=(2, 3), payload=FLOATS):
    """The file may be refused; if it loads, then to this."""
    return Case(f"npy/{name}.npy", row, data, "value-or-error", [value("", dtype, shape, payload)], True)


def refused(name, row, data, text, *, as_member=True):
    """The file must be refused with this text."""
    return Case(f"npy/{name}.npy", row, data, "npy-error", text, as_member)


def expected(data, needle, what, *, found=None):
    """The text of a syntax error at the last `needle`; at the end if it is None."""
    if needle is None:
        return f"byte {len(data)}: header: {what} expected, found the end"
    found = needle[:1].decode("latin1") if found is None else found
    found = {"'": "\\'", "\0": "\\0"}.get(found, found)
    return f"byte {data.rindex(needle)}: header: {what} expected, found '{found}'"


def bad_magic(found):
    """The text for these first bytes."""
    special = {9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 39: "\\'", 92: "\\\\"}
    text = "".join(special.get(b) or (chr(b) if 32 <= b < 127 else f"\\x{b:02x}") for b in found[:6])
    return f'not NPY data: begins with "{text}", not with "\\x93NUMPY"'


def not_npy():
    row = "empty, cut, wrong magic, other formats"
    whole = npy("<f4", (2, 3), FLOATS)
    yield refused("empty", row, b"", bad_magic(b""))
    yield refused("cut_inside_the_magic", row, whole[:3], bad_magic(whole[:3]))
    yield refused(
        "cut_behind_the_magic", row, whole[:6], "data ends inside the version: 8 bytes expected, 6 present"
    )
    yield refused(
        "cut_inside_the_version", row, whole[:7], "data ends inside the version: 8 bytes expected, 7 present"
    )
    text = "data ends inside the header length: {} bytes expected, {} present"
    yield refused("cut_behind_the_version", row, whole[:8], text.format(10, 8))
    yield refused("cut_inside_the_header_length_of_v1", row, whole[:9], text.format(10, 9))
    v2 = npy("<f4", (2, 3), FLOATS, version=(2, 0))
    yield refused("cut_inside_the_header_length_of_v2", row, v2[:11], text.format(12, 11))
    for name, size in [
        ("behind_the_header_length", 10),
        ("inside_the_header", 60),
        ("before_the_newline", 127),
    ]:
        text = f"data ends inside the header: 128 bytes expected, {size} present"
        yield refused(f"cut_{name}", row, whole[:size], text)
    for name, data in [
        ("magic_with_another_first_byte", b"\x92" + whole[1:]),
        ("magic_in_lower_case", b"\x93numpy" + whole[6:]),
        ("magic_without_its_high_bit", b"\x13" + whole[1:]),
        ("magic_mangled_to_utf8", b"\xc2\x93" + whole[1:]),
        ("magic_mangled_to_a_replacement_character", b"\xef\xbf\xbd" + whole[1:]),
        ("magic_behind_a_byte_order_mark", b"\xef\xbb\xbf" + whole),
        ("magic_behind_a_newline", b"\n" + whole),
        ("gzip", GZIP),
        ("html", HTML),
        ("xml", XML),
        ("json", b'{"error": "not found"}'),
        ("git_lfs_pointer", LFS),
        ("zip", b"PK\x05\x06" + bytes(18)),
        ("pickle", b"\x80\x04" + PICKLE),
        ("zeros", bytes(256)),
    ]:
        yield refused(name, row, data, bad_magic(data))


def versions():
    row = "version"
    for major in (1, 2, 3):
        yield ok(f"version_{major}_0", row, npy("<f4", (2, 3), FLOATS, version=(major, 0)))
    for version in [(0, 0), (0, 1), (1, 1), (1, 255), (2, 1), (3, 1), (4, 0), (255, 255)]:
        data = npy("<f4", (2, 3), FLOATS, version=version)
        text = f"byte 6: NPY version {version[0]}.{version[1]} is not one of 1.0, 2.0 and 3.0"
        yield refused("version_{}_{}".format(*version), row, data, text)


def header_lengths():
    row = "header length"
    text = header_text("<f4", (2, 3))
    behind = npy_of(text, FLOATS)[10:]
    for version, start in [((1, 0), 10), ((2, 0), 12)]:
        data = preamble(version, 0) + behind
        name = f"header_length_0_in_v{version[0]}"
        yield refused(name, row, data, f"byte {start}: header: a dictionary expected, found the end")
    data = preamble((1, 0), len(text) - 20) + behind
    yield refused(
        "header_length_short_of_the_shape",
        row,
        data,
        f"byte {10 + len(text) - 20}: header: ',' or '}}' after a value expected, found the end",
    )
    data = preamble((1, 0), len(text) - 1) + behind
    yield refused(
        "header_length_short_by_one",
        row,
        data,
        f"byte {9 + len(text)}: header: a string expected, found the end",
    )
    data = preamble((1, 0), len(text) + 4) + text.encode() + b"\x01" + FLOATS
    yield refused(
        "header_length_long_into_the_payload",
        row,
        data,
        f"byte {10 + len(text)}: header: nothing behind the dictionary expected, found '\\u{{1}}'",
    )
    data = preamble((1, 0), len(behind) + 1) + behind
    yield refused(
        "header_length_past_the_end_by_one",
        row,
        data,
        f"data ends inside the header: {len(data) + 1} bytes expected, {len(data)} present",
    )
    yield refused(
        "header_length_65535_in_10_bytes",
        row,
        preamble((1, 0), 65535),
        "data ends inside the header: 65545 bytes expected, 10 present",
    )
    yield refused(
        "header_length_1_mib_in_12_bytes",
        row,
        preamble((2, 0), 1 << 20),
        "data ends inside the header: 1048588 bytes expected, 12 present",
    )
    for size in [(1 << 20) + 1, 1 << 31, (1 << 32) - 1]:
        limit = f"byte 8: header length {size} exceeds the limit of 1048576"
        yield refused(f"header_length_{size}_in_12_bytes", row, preamble((2, 0), size), limit)
    row = "header > 10,000 characters"
    yield either("header_of_12000_characters_with_padding", row, npy_of(text + " " * 12_000 + "\n", FLOATS))
    fields = [(f"field{index:04}", "|u1") for index in range(700)]
    payload = bytes(index % 251 for index in range(700))
    data = npy(repr(fields), (1,), payload)
    yield either("header_of_700_fields", row, data, repr(fields), (1,), payload)


def alignment():
    row = "alignment"
    text = header_text("<f8", (3,))
    payload = struct.pack("<3d", 0.5, -1, 2)
    for pad in range(8):
        data = npy_of(text + " " * ((pad - 11 - len(text)) % 8) + "\n", payload)
        yield ok(f"payload_at_8_n_plus_{pad}", row, data, "<f8", (3,), payload)
    yield ok("no_newline", row, npy_of(text, payload), "<f8", (3,), payload)
    yield ok("newlines_before_the_dictionary", row, npy_of("\n \n" + text, payload), "<f8", (3,), payload)
    yield ok("padding_of_tabs_and_newlines", row, npy_of(text + "\t\n\n\t\n", payload), "<f8", (3,), payload)


def encodings():
    row = "v1 latin1, v3 utf8"
    payload = INTS
    for name, field, version in [
        ("latin1_field_name_in_v1", "größe", (1, 0)),
        ("latin1_field_name_in_v2", "größe", (2, 0)),
        ("utf8_field_name_in_v3", "größe", (3, 0)),
        ("utf8_field_name_beyond_latin1_in_v3", "π😀", (3, 0)),
    ]:
        dtype = f"[('{field}', '<i8')]"
        yield ok(name, row, npy(dtype, (3,), payload, version=version), dtype, (3,), payload)
    mojibake = "é".encode().decode("latin1")
    data = npy_of(header_text("[('é', '<i8')]", (3,)).encode(), payload)
    dtype = repr([(mojibake, "<i8")])
    yield ok("utf8_field_name_in_v1_is_read_as_latin1", row, data, dtype, (3,), payload)
    for name, bad in [
        ("latin1_in_v3", b"\xe9"),
        ("surrogate_in_v3", b"\xed\xa0\x80"),
        ("overlong_utf8_in_v3", b"\xc0\xaf"),
        ("cut_utf8_in_v3", b"\xe2\x82"),
    ]:
        header = header_text("[('@', '<i8')]", (3,)).encode().replace(b"@", bad)
        data = npy_of(header, payload, (3, 0))
        yield refused(name, row, data, expected(data, bad, "UTF-8 text", found="\ufffd"))


def spellings():
    row = "key order, quotes, spaces, commas"
    order, shape = "'fortran_order': False", "'shape': (2, 3)"
    for name, header in [
        ("keys_in_another_order", f"{{{shape}, {order}, 'descr': '<f4'}}"),
        ("double_quotes", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".replace("'", '"')),
        ("no_spaces", "{'descr':'<f4','fortran_order':False,'shape':(2,3)}"),
        ("no_trailing_comma", f"{{'descr': '<f4', {order}, {shape}}}"),
        ("spaces_everywhere", " { 'descr' : '<f4' , 'fortran_order' : False , 'shape' : ( 2 , 3 , ) , } "),
        ("newlines_inside", f"{{'descr':\n'<f4',\n{order},\r\n\t{shape}\n}}\n"),
    ]:
        yield ok(name, row, npy_of(header, FLOATS))
    row = "Python 2 longs"
    header = f"{{'descr': '<f4', {order}, 'shape': (2L, 3L), }}"
    yield ok("long_dimensions_in_v1", row, npy_of(header, FLOATS))
    yield ok("long_dimensions_in_v2", row, npy_of(header, FLOATS, (2, 0)))
    data = npy_of(header, FLOATS, (3, 0))
    yield refused(
        "long_dimensions_in_v3",
        row,
        data,
        f"byte {data.index(b'L,')}: header: ',' or ')' after a dimension expected, found 'L'",
    )
    data = npy_of(f"{{'descr': [('a', '<f4', (3L,))], {order}, 'shape': (2L,), }}", FLOATS)
    yield ok("long_dimensions_of_a_sub_array", row, data, "[('a', '<f4', (3,))]", (2,))
    data = npy_of(header.replace("L", "l"), FLOATS)
    yield refused(
        "lower_case_long_dimensions",
        row,
        data,
        f"byte {data.index(b'l,')}: header: ',' or ')' after a dimension expected, found 'l'",
    )
    row = "comments, hex, u'', concatenation, parentheses, escapes"
    for name, header in [
        ("comment", f"{{'descr': '<f4', # float\n {order}, {shape}, }}"),
        ("comment_behind", f"{{'descr': '<f4', {order}, {shape}, }} # end\n"),
        ("hexadecimal_dimension", f"{{'descr': '<f4', {order}, 'shape': (2, 0x3), }}"),
        ("underscore_in_a_dimension", f"{{'descr': '<u1', {order}, 'shape': (2_4,), }}"),
        ("unicode_prefix", f"{{u'descr': u'<f4', {order}, {shape}, }}"),
        ("raw_prefix", f"{{r'descr': '<f4', {order}, {shape}, }}"),
        ("concatenated_strings", f"{{'des' 'cr': '<' 'f4', {order}, {shape}, }}"),
        ("parentheses_around_it", f"({{'descr': ('<f4'), {order}, {shape}, }})"),
        ("escapes_in_keys", f"{{'d\\x65scr': '\\x3cf4', {order}, {shape}, }}"),
        ("octal_escapes_in_keys", f"{{'d\\145scr': '<f4', {order}, {shape}, }}"),
        ("line_continuation", f"{{'descr': '<f4', \\\n {order}, {shape}, }}"),
        ("triple_quotes", f"{{'''descr''': '<f4', {order}, {shape}, }}"),
    ]:
        if name == "underscore_in_a_dimension":
            yield either(name, row, npy_of(header, FLOATS), "|u1", (24,))
        else:
            yield either(name, row, npy_of(header, FLOATS))


def keys():
    row = "duplicate keys"
    descr, order, shape = "'descr': '<f4'", "'fortran_order': False", "'shape': (2, 3)"
    for name, header, key in [
        ("descr_twice", f"{{{descr}, {order}, {shape}, 'descr': '<i4', }}", "descr"),
        ("descr_twice_the_same", f"{{{descr}, {descr}, {order}, {shape}, }}", "descr"),
        ("descr_twice_once_escaped", f"{{{descr}, {order}, {shape}, 'd\\x65scr': '<i4', }}", "descr"),
        ("fortran_order_twice", f"{{{descr}, {order}, {shape}, 'fortran_order': True, }}", "fortran_order"),
        ("shape_twice", f"{{{descr}, {order}, {shape}, 'shape': (3, 2), }}", "shape"),
    ]:
        data = npy_of(header, FLOATS)
        offset = data.rindex(f"'{key}'".encode()) if "x65" not in header else data.rindex(b"'d\\x65")
        yield refused(name, row, data, f'byte {offset}: header: key "{key}" is given twice')
    row = "missing or extra key, wrong types, calls"
    for name, header, key in [
        ("descr_missing", f"{{{order}, {shape}, }}", "descr"),
        ("fortran_order_missing", f"{{{descr}, {shape}, }}", "fortran_order"),
        ("shape_missing", f"{{{descr}, {order}, }}", "shape"),
        ("no_keys", "{}", "descr"),
    ]:
        yield refused(name, row, npy_of(header, FLOATS), f'header: key "{key}" is missing')
    for name, key in [
        ("extra_key", "order"),
        ("key_in_upper_case", "Shape"),
        ("key_with_a_space", "shape "),
        ("empty_key", ""),
    ]:
        data = npy_of(f"{{{descr}, {order}, {shape}, '{key}': (3, 2), }}", FLOATS)
        text = f'byte {data.rindex(f"{chr(39)}{key}{chr(39)}:".encode())}: header: key "{key}" is not one of descr, fortran_order and shape'
        yield refused(name, row, data, text)
    for name, key, literal in [
        ("shape_is_a_list", "shape", "[2, 3]"),
        ("shape_is_an_integer", "shape", "6"),
        ("shape_is_none", "shape", "None"),
        ("shape_is_a_string", "shape", "'(2, 3)'"),
        ("fortran_order_is_0", "fortran_order", "0"),
        ("fortran_order_is_1", "fortran_order", "1"),
        ("fortran_order_is_a_string", "fortran_order", "'False'"),
        ("fortran_order_is_none", "fortran_order", "None"),
        ("fortran_order_is_an_expression", "fortran_order", "not True"),
        ("descr_is_an_integer", "descr", "4"),
        ("descr_is_none", "descr", "None"),
        ("descr_is_bytes", "descr", "b'<f4'"),
        ("descr_is_a_name", "descr", "float"),
        ("descr_is_a_call", "descr", "__import__('os').getcwd()"),
        ("shape_is_a_call", "shape", "tuple([2, 3])"),
    ]:
        values = {"descr": "'<f4'", "fortran_order": "False", "shape": "(2, 3)"} | {key: literal}
        data = npy_of("{" + "".join(f"'{key}': {text}, " for key, text in values.items()) + "}", FLOATS)
        text = f'byte {data.index(f"{chr(39)}{key}{chr(39)}".encode())}: header: key "{key}" has a value of the wrong type'
        yield refused(name, row, data, text)
    integer = "a non-negative integer below 2**63"
    for name, dims, needle, what in [
        ("shape_is_an_integer_in_parentheses", "(6)", b")", "',' after the only dimension"),
        ("float_dimension", "(2.0, 3)", b".0", "',' or ')' after a dimension"),
        ("exponent_dimension", "(2, 3e0)", b"e0", "',' or ')' after a dimension"),
        ("dimension_is_a_string", "('2', 3)", b"'2'", integer),
        ("dimension_is_a_name", "(two, 3)", b"two", integer),
        ("dimension_is_none", "(None, 3)", b"None, 3", integer),
        ("dimension_is_a_tuple", "((2,), 3)", b"(2", integer),
        ("dimension_is_a_sum", "(1+1, 3)", b"+1", "',' or ')' after a dimension"),
        ("dimension_is_a_star", "(*(2, 3),)", b"*", integer),
        ("two_commas_in_the_shape", "(2,, 3)", b", 3", integer),
        ("no_comma_in_the_shape", "(2 3)", b"3", "',' or ')' after a dimension"),
        ("only_a_comma_in_the_shape", "(,)", b",)", integer),
        ("shape_closed_by_a_bracket", "(2, 3]", b"]", "',' or ')' after a dimension"),
    ]:
        data = npy_of(f"{{{descr}, {order}, 'shape': {dims}}}", FLOATS)
        yield refused(name, row, data, expected(data, needle, what))
    yield either(
        "dimension_is_true", row, npy_of(f"{{{descr}, {order}, 'shape': (True, 6), }}", FLOATS), shape=(1, 6)
    )
    data = npy_of(f"{{{order}, {shape}, 'descr': '<f\n4'}}", FLOATS)
    yield refused(
        "newline_in_a_string", row, data, r"byte 64: header: the closing quote expected, found '\n'"
    )
    for name, header, needle, what in [
        ("header_is_a_list", f"[{descr.replace(':', ',')}]", b"[", "a dictionary"),
        ("header_is_a_set", "{'descr', 'fortran_order', 'shape'}", b", 'fortran", "':' after a key"),
        ("header_is_a_call", "dict(descr='<f4', fortran_order=False, shape=(2, 3))", b"dict", "a dictionary"),
        ("header_is_white_space", " " * 100, None, "a dictionary"),
        ("header_is_a_string", "'descr'", b"'descr", "a dictionary"),
        ("key_is_an_integer", f"{{1: '<f4', {order}, {shape}}}", b"1:", "a string"),
        ("key_is_bytes", f"{{b'descr': '<f4', {order}, {shape}}}", b"b'", "a string"),
        ("two_dictionaries", f"{{{descr}, {order}, {shape}}}{{}}", b"{}", "nothing behind the dictionary"),
        (
            "text_behind_the_dictionary",
            f"{{{descr}, {order}, {shape}}} x",
            b"x",
            "nothing behind the dictionary",
        ),
        ("dictionary_not_closed", f"{{{descr}, {order}, {shape}", None, "',' or '}' after a value"),
        (
            "comma_missing_between_keys",
            f"{{{descr} {order}, {shape}}}",
            b"'fortran",
            "',' or '}' after a value",
        ),
        ("colon_missing", f"{{'descr' '<f4', {order}, {shape}}}", b"'<f4", "':' after a key"),
        ("dictionary_unpacked", f"{{**{{{descr}}}, {order}, {shape}}}", b"**", "a string"),
        ("quote_not_closed", f"{{{order}, {shape}, 'descr': '<f4}}", None, "the closing quote"),
        (
            "padding_of_nul",
            f"{{{descr}, {order}, {shape}}}\0\0\0\n",
            b"\0\0\0\n",
            "nothing behind the dictionary",
        ),
    ]:
        data = npy_of(header, b"" if needle is None else FLOATS)
        yield refused(name, row, data, expected(data, needle, what))


def nesting():
    row = "nested brackets, minus signs"
    integer = "a non-negative integer below 2**63"
    order, descr = "'fortran_order': False", "'descr': '<f4'"
    data = npy_of(f"{{{descr}, {order}, 'shape': ({'-' * 9000}3,), }}", FLOATS)
    yield refused(
        "minus_signs_9000", row, data, f"byte {data.index(b'---')}: header: {integer} expected, found '-'"
    )
    data = npy_of(f"{{{descr}, {order}, 'shape': {'(' * 4000}3{')' * 4000}, }}", FLOATS)
    yield refused(
        "nested_parentheses_4000_in_shape",
        row,
        data,
        f"byte {data.index(b'((') + 1}: header: {integer} expected, found '('",
    )
    data = npy_of(f"{{'descr': {'[' * 4000}{']' * 4000}, {order}, 'shape': (2, 3), }}", FLOATS)
    yield refused(
        "nested_brackets_4000_in_descr",
        row,
        data,
        f"byte {data.index(b'[[') + 1}: header: a field expected, found '['",
    )
    data = npy_of("{" * 4000, FLOATS)
    yield refused("nested_braces_4000", row, data, "byte 11: header: a string expected, found '{'")
    data = npy_of("(" * 4000, FLOATS)
    yield refused("nested_parentheses_4000", row, data, "byte 10: header: a dictionary expected, found '('")
    data = npy_of(f"{{'descr': {'[(' * 2000}, {order}, 'shape': (2, 3), }}", FLOATS)
    yield refused(
        "nested_fields_without_names",
        row,
        data,
        f"byte {data.index(b'[([') + 2}: header: a string expected, found '['",
    )
    for levels, name in [
        (32, "nested_fields_32_deep"),
        (33, "nested_fields_33_deep"),
        (400, "nested_fields_400_deep"),
    ]:
        dtype = "[('x', " * levels + "'<f4'" + ")]" * levels
        data = npy_of(header_text(dtype, (6,)), FLOATS)
        if levels == 32:
            yield ok(name, row, data, dtype, (6,))
        else:
            offset = data.index(b"[(") + 33 * len("[('x', ")
            yield refused(name, row, data, f"byte {offset}: nesting of fields 33 exceeds the limit of 32")
    row = "9,700 spaces then ! or '"
    spaces = " " * 9_700
    for name, tail, what in [
        ("spaces_9700_then_an_exclamation_mark", "!", "a string"),
        ("spaces_9700_then_a_quote", "'", "the closing quote"),
    ]:
        data = npy_of(f"{{{descr}, {order}, {spaces}{tail}", b"")
        text = f"byte {len(data) - 1}: header: a string expected, found '!'"
        yield refused(name, row, data, text if tail == "!" else expected(data, None, what))
    data = npy_of(f"{spaces}!", b"")
    yield refused(
        "spaces_9700_before_no_dictionary",
        row,
        data,
        f"byte {len(data) - 1}: header: a dictionary expected, found '!'",
    )


def shapes():
    row = "negative or huge dimensions, overflow"
    integer = "a non-negative integer below 2**63"
    rest = "{'descr': '|u1', 'fortran_order': False, 'shape': "
    for name, dims, found in [
        ("dimension_minus_1", "(-1,)", "-"),
        ("dimension_minus_0", "(-0,)", "-"),
        ("dimension_plus_3", "(+3,)", "+"),
        ("dimension_2_to_the_63", f"({1 << 63},)", "9"),
        ("dimension_2_to_the_64", f"({1 << 64},)", "1"),
        ("dimension_2_to_the_64_plus_3", f"({(1 << 64) + 3},)", "1"),
        ("dimension_of_400_digits", f"({'9' * 400},)", "9"),
    ]:
        data = npy_of(f"{rest}{dims}, }}", bytes(24))
        yield refused(
            name, row, data, f"byte {data.index(b'(') + 1}: header: {integer} expected, found '{found}'"
        )
    data = npy_of(f"{rest}(03,), }}", bytes(24))
    yield refused(
        "dimension_with_a_leading_zero",
        row,
        data,
        f"byte {data.index(b'(') + 1}: header: an integer without leading zeros expected, found '0'",
    )
    for name, descr, shape in [
        ("shape_product_overflows", "|u1", (1 << 32, 1 << 32, 1 << 32)),
        ("shape_product_wraps_to_0", "|u1", (1 << 32, 1 << 32)),
        ("shape_product_wraps_to_24", "|u1", (3 << 60, 16, 24)),
        ("shape_product_is_2_to_the_63", "|u1", (1 << 32, 1 << 31)),
        ("bytes_overflow", "<f8", (1 << 60,)),
        ("bytes_wrap_to_0", "<f8", (1 << 61,)),
        ("bytes_wrap_to_24", "<f8", ((1 << 61) + 3,)),
    ]:
        size = 8 if descr == "<f8" else 1
        yield refused(
            name, row, npy(descr, shape, bytes(24)), f"shape {shape} with {size} bytes per element overflows"
        )
    row = "0 x huge dimensions"
    for name, shape in [
        ("no_rows_of_2_to_the_40", (0, 1 << 40)),
        ("2_to_the_40_empty_rows", (1 << 40, 0)),
        ("no_rows_of_huge_rows_that_fit", (0, (1 << 60) - 1)),
    ]:
        yield ok(name, row, npy("<f8", shape, b""), "<f8", shape, b"")
    for name, shape in [
        ("no_rows_of_2_to_the_62", (0, 1 << 62)),
        ("no_rows_whose_product_overflows", (1 << 32, 0, 1 << 32)),
    ]:
        yield refused(name, row, npy("<f8", shape, b""), f"shape {shape} with 8 bytes per element overflows")
    row = "claims 10^9 to 10^12 elements"
    for exponent in (9, 10, 12, 15):
        count = 10**exponent
        text = f'payload has 24 bytes, but shape ({count},) of "<f8" needs {count * 8}'
        yield refused(f"claims_10_to_the_{exponent}_elements", row, npy("<f8", (count,), bytes(24)), text)
    text = f'payload has 24 bytes, but shape ({(1 << 63) - 1},) of "|u1" needs {(1 << 63) - 1}'
    yield refused("claims_2_to_the_63_minus_1_bytes", row, npy("|u1", ((1 << 63) - 1,), bytes(24)), text)
    text = 'payload has 24 bytes, but shape (1,) of "|V1000000000000" needs 1000000000000'
    yield refused(
        "claims_an_element_of_10_to_the_12_bytes", row, npy("|V1000000000000", (1,), bytes(24)), text
    )
    row = "dimensions: 33-64, > 64"
    for ndim in (0, 32, 33, 64):
        shape = (1,) * ndim
        yield ok(f"dimensions_{ndim}", row, npy("<f4", shape, FLOATS[:4]), "<f4", shape, FLOATS[:4])
    for ndim in (65, 1000):
        data = npy("<f4", (1,) * ndim, FLOATS[:4])
        offset = data.index(b"(1") + 1 + 3 * 64
        yield refused(f"dimensions_{ndim}", row, data, f"byte {offset}: dimension 65 exceeds the limit of 64")


def type_strings():
    row = "S0, U0, V0"
    for descr, dtype, name in [("|S0", "|S0", "s0"), ("<U0", "<U0", "u0"), ("|V0", "|V0", "v0")]:
        yield ok(f"{name}_of_3_elements", row, npy(descr, (3,), b""), dtype, (3,), b"")
        yield ok(f"{name}_of_no_elements", row, npy(descr, (0,), b""), dtype, (0,), b"")
        yield ok(f"{name}_of_10_to_the_12_elements", row, npy(descr, (10**12,), b""), dtype, (10**12,), b"")
    row = "big-endian, f16, c32, S, U, V, M8, m8"
    number = bytes(range(48, 48 + 96))
    for descr, size in [
        (">i2", 2),
        (">u4", 4),
        (">i8", 8),
        (">f2", 2),
        (">f4", 4),
        (">f8", 8),
        (">c8", 8),
        (">c16", 16),
        ("<f16", 16),
        (">f16", 16),
        ("<c32", 32),
        (">c32", 32),
    ]:
        payload = number[: 3 * size]
        yield ok(
            f"{'big' if descr[0] == '>' else 'little'}_endian_{descr[1:]}",
            row,
            npy(descr, (3,), payload),
            descr,
            (3,),
            payload,
        )
    for descr, payload, name in [
        ("|S3", b"a\0\0b\0cdef", "bytes_with_nul"),
        ("<U2", "aβ\0😀\0\0".encode("utf-32-le"), "text_with_nul"),
        (">U2", "aβ\0😀\0\0".encode("utf-32-be"), "big_endian_text"),
        ("<U1", struct.pack("<3I", 0xD800, 0x110000, 0xFFFFFFFF), "text_of_invalid_code_points"),
        ("|V5", bytes(range(15)), "void_of_5"),
        ("<M8[ns]", struct.pack("<3q", 0, -(1 << 63), 1 << 62), "datetime_ns"),
        (">M8[s]", struct.pack(">3q", 0, -(1 << 63), 86400), "big_endian_datetime_s"),
        ("<M8[D]", struct.pack("<3q", 0, -(1 << 63), 1 << 40), "datetime_days_beyond_32_bits"),
        ("<M8[25s]", struct.pack("<3q", 0, 1, (1 << 63) - 1), "datetime_25_s_that_overflows"),
        ("<M8[Y]", INTS, "datetime_years"),
        ("<M8[as]", INTS, "datetime_attoseconds"),
        ("<M8", INTS, "datetime_generic"),
        ("<m8[W]", INTS, "timedelta_weeks"),
        ("<m8[M]", INTS, "timedelta_months"),
        ("<m8", INTS, "timedelta_generic"),
    ]:
        yield ok(name, row, npy(descr, (3,), payload), descr, (3,), payload)
    for descr, dtype, name in [
        ("f4", "<f4", "without_byte_order"),
        ("=f4", "<f4", "of_native_order"),
        ("|f4", "<f4", "of_no_order"),
    ]:
        yield ok(f"type_string_{name}", row, npy(descr, (2, 3), FLOATS), dtype)
    yield ok("type_string_little_endian_byte", row, npy("<u1", (24,), FLOATS), "|u1", (24,))
    payload = bytes(range(36))
    yield either("f12_is_known_on_few_machines", row, npy("<f12", (3,), payload), "<f12", (3,), payload)
    row = "unknown type strings"
    for name, descr in [
        ("empty", ""),
        ("of_an_unknown_kind", "<q7"),
        ("of_an_unknown_size", "<f5"),
        ("with_a_space", "<f4 "),
        ("with_a_leading_zero", "<f04"),
        ("with_two_orders", "<<f4"),
        ("with_an_unknown_unit", "<M8[xs]"),
        ("with_an_open_unit", "<M8[s"),
        ("with_a_unit_of_0", "<M8[0s]"),
        ("of_negative_length", "<U-1"),
        ("whose_text_overflows", "<U4611686018427387904"),
        ("of_20_digits", "|S99999999999999999999"),
        ("with_nul", "<f4\\x00"),
    ]:
        data = npy_of(f"{{'descr': '{descr}'{REST}", INTS)
        shown = descr.replace("\\x00", "\\0")
        text = f'byte {data.index(b": ") + 2}: dtype "{shown}" is not a type string of the array interface'
        yield refused(f"type_string_{name}", row, data, text)
    row = "sub-array descr, comma strings, dict descr"
    fields = "[('f0', '<f4'), ('f1', '<i4')]"
    for name, descr, dtype, shape in [
        ("descr_is_a_sub_array", "('<f4', (3,))", "<f4", (2, 3)),
        ("descr_is_a_comma_string", "'f4,i4'", fields, (3,)),
        ("descr_is_a_dictionary", "{'names': ['f0', 'f1'], 'formats': ['<f4', '<i4']}", fields, (3,)),
        (
            "descr_is_overlapping_fields",
            "{'names': ['f0', 'f1'], 'formats': ['<f4', '<i4'], 'offsets': [0, 0]}",
            None,
            (3,),
        ),
        ("descr_is_the_name_of_a_type", "'float32'", "<f4", (2, 3)),
        ("descr_is_an_old_code", "'f'", "<f4", (2, 3)),
    ]:
        outer = (2,) if name == "descr_is_a_sub_array" else shape
        data = npy_of(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {outer}, }}", FLOATS)
        if dtype is None:
            text = 'byte 11: header: key "descr" has a value of the wrong type'
            yield refused(name, row, data, text)
        else:
            yield either(name, row, data, dtype, shape)


def objects():
    row = "object dtype"
    nested = "[('a', '<i8'), ('b', [('c', '|O')])]"
    for name, descr, shape in [
        ("objects", "|O", (3,)),
        ("objects_without_order", "O", (3,)),
        ("objects_of_8_bytes", "|O8", (3,)),
        ("objects_0_d", "|O", ()),
        ("objects_none_of_them", "|O", (0,)),
        ("objects_in_a_field", "[('a', '<i8'), ('b', '|O')]", (3,)),
        ("objects_in_a_nested_field", nested, (3,)),
        ("objects_in_a_sub_array", "[('a', '|O', (2,))]", (3,)),
    ]:
        shown = descr if descr[0] == "[" else '"|O"'
        yield refused(name, row, npy(descr, shape, PICKLE), f"dtype {shown} {OBJECT}")


def records():
    row = "structured, padded, titles, nested"
    payload = bytes(range(64))
    for name, dtype, shape, size in [
        ("record", "[('x', '<f4'), ('y', '<i8')]", (3,), 12),
        ("record_0_d", "[('x', '<f4'), ('y', '<i8')]", (), 12),
        ("record_2_d", "[('x', '|u1'), ('y', '<u2')]", (2, 3), 3),
        ("record_padded", "[('x', '|u1'), ('', '|V7'), ('y', '<i8')]", (3,), 16),
        ("record_padded_at_the_end", "[('x', '<i8'), ('y', '|u1'), ('', '|V7')]", (3,), 16),
        ("record_with_titles", "[(('the x', 'x'), '<f4'), (('the y', 'y'), '<i8')]", (3,), 12),
        ("record_nested", "[('p', [('x', '<f4'), ('y', '<f4')]), ('n', '>u2')]", (3,), 10),
        ("record_with_sub_arrays", "[('a', '<i2', (2, 3)), ('b', '|b1')]", (3,), 13),
        ("record_with_an_empty_sub_array", "[('a', '<i2', (0,)), ('b', '<u4')]", (3,), 4),
        ("record_of_text_and_time", "[('s', '|S3'), ('u', '<U1'), ('t', '<M8[us]')]", (3,), 15),
        ("record_big_endian", "[('x', '>f4'), ('y', '<i4')]", (3,), 8),
        ("record_with_odd_names", "[('a b', '<f4'), ('it\\'s', '<f4'), ('\\\\', '<f4')]", (2,), 12),
    ]:
        count = {(): 1, (2,): 2, (3,): 3, (2, 3): 6}[shape]
        data = npy(dtype, shape, payload[: size * count])
        dtype = repr(ast.literal_eval(dtype))
        yield ok(name, row, data, dtype, shape, payload[: size * count])
    for name, descr, dtype, shape, size in [
        ("record_without_fields", "[]", "[]", (3,), 0),
        ("record_with_an_integer_sub_array", "[('a', '<i2', 2)]", "[('a', '<i2', (2,))]", (3,), 4),
        (
            "record_with_an_unnamed_field",
            "[('', '<f4'), ('y', '<f4')]",
            "[('', '<f4'), ('y', '<f4')]",
            (3,),
            8,
        ),
        ("record_of_a_nested_sub_array_type", "[('a', ('<i2', (2,)))]", "[('a', '<i2', (2,))]", (3,), 4),
    ]:
        yield either(name, row, npy(descr, shape, payload[: 3 * size]), dtype, shape, payload[: 3 * size])
    for name, descr, text in [
        ("record_names_a_field_twice", "[('x', '<f4'), ('x', '<f4')]", 'dtype "x" names a field twice'),
        (
            "record_names_a_field_like_a_title",
            "[(('y', 'x'), '<f4'), ('y', '<f4')]",
            'dtype "y" names a field twice',
        ),
    ]:
        data = npy(descr, (3,), payload)
        yield refused(name, row, data, f"byte {data.index(b', (') + 2}: {text}")
    string = "a string"
    for name, descr, needle, what in [
        ("record_field_without_type", "[('x',)]", b")]", "a type string or a list of fields"),
        ("record_field_is_a_string", "['x', '<f4']", b"'x", "a field"),
        ("record_field_name_is_an_integer", "[(1, '<f4')]", b"1,", string),
        ("record_field_without_comma", "[('x' '<f4')]", b"'<f4", "',' after the name of a field"),
        ("record_field_of_four_parts", "[('x', '<f4', (2,), 3)]", b"3)]", "')' after the shape of a field"),
        ("record_list_not_closed", "[('x', '<f4')", b"'fortran", "a field"),
        ("record_sub_array_of_minus_1", "[('x', '<f4', (-1,))]", b"-1", "a non-negative integer below 2**63"),
        (
            "record_wider_than_2_to_the_63",
            "[('x', '|V9223372036854775807'), ('y', '|V9')]",
            b"('y'",
            "a field that ends below 2**63",
        ),
    ]:
        data = npy_of("{'descr': " + descr + REST, payload)
        yield refused(name, row, data, expected(data, needle, what))
    data = npy("[('x', '<f4', (9223372036854775807, 3))]", (3,), payload)
    text = f"byte {data.index(b'(92')}: shape (9223372036854775807, 3) with 4 bytes per element overflows"
    yield refused("record_sub_array_overflows", row, data, text)
    descr = "[('x', '<f4', (4611686018427387903,))]"
    yield refused(
        "record_sub_array_overflows_the_element",
        row,
        npy(descr, (3,), payload),
        "byte 34: shape (4611686018427387903,) with 4 bytes per element overflows",
    )


def payloads():
    row = "bool bytes not 0 or 1"
    yield ok(
        "bool_bytes_not_0_or_1",
        row,
        npy("|b1", (6,), b"\0\1\2\x7f\x80\xff"),
        "|b1",
        (6,),
        b"\0\1\2\x7f\x80\xff",
    )
    row = "truncated payload, trailing bytes"
    whole = npy("<f4", (2, 3), FLOATS)
    for cut in (1, 4, 24):
        text = f'payload has {24 - cut} bytes, but shape (2, 3) of "<f4" needs 24'
        yield refused(f"payload_cut_by_{cut}", row, whole[:-cut], text)
    dtype = "[('x', '<f4'), ('y', '<i8')]"
    text = f"payload has 35 bytes, but shape (3,) of {dtype} needs 36"
    yield refused("record_payload_cut_by_1", row, npy(dtype, (3,), bytes(35)), text)
    yield ok("trailing_byte", row, whole + b"\n")
    yield ok("trailing_1000_bytes", row, whole + bytes(1000))
    yield ok("two_arrays_one_behind_the_other", row, whole + npy("<i8", (3,), INTS))
    row = "order and rank"
    columns = struct.pack("<6f", 0, 3, 1, 4, 2, 5)
    yield ok("fortran_order_2_d", row, npy("<f4", (2, 3), columns, fortran=True))
    yield ok("fortran_order_1_d", row, npy("<f4", (6,), FLOATS, fortran=True), "<f4", (6,))
    yield ok("fortran_order_0_d", row, npy("<f4", (), FLOATS[:4], fortran=True), "<f4", (), FLOATS[:4])
    yield ok("empty_1_d", row, npy("<f4", (0,), b""), "<f4", (0,), b"")
    yield ok("empty_inner_dimension", row, npy("<f4", (3, 0), b""), "<f4", (3, 0), b"")


def big_npy_cases():
    """Cases of a size that nobody wants in a repository."""
    row = "header > 10,000 characters"
    text = header_text("<f4", (2, 3))
    yield either(
        "header_of_1_mib_with_padding", row, npy_of(text.ljust((1 << 20) - 1) + "\n", FLOATS, (2, 0))
    )
    size = (1 << 20) + 1
    yield refused(
        "header_of_1_mib_and_1_byte",
        row,
        npy_of(text.ljust(size - 1) + "\n", FLOATS, (2, 0)),
        f"byte 8: header length {size} exceeds the limit of 1048576",
    )
    size = 2_000_000
    yield refused(
        "header_of_2_mb_of_spaces",
        row,
        npy_of(text.ljust(size), FLOATS, (2, 0)),
        f"byte 8: header length {size} exceeds the limit of 1048576",
    )
    row = "nested brackets, minus signs"
    for name, bracket in [("nested_brackets_1000000", "["), ("nested_parentheses_1000000", "(")]:
        data = npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': " + bracket * 1_000_000, b"", (2, 0))
        if bracket == "[":
            text = f'byte {data.index(b"{") + 41}: header: key "shape" has a value of the wrong type'
        else:
            text = f"byte {data.index(b'((') + 1}: header: a non-negative integer below 2**63 expected, found '('"
        yield refused(name, row, data, text)
    data = npy_of("{'descr': " + "[('x', " * 140_000, b"", (2, 0))
    yield refused(
        "nested_fields_140000_deep",
        row,
        data,
        f"byte {data.index(b'[(') + 33 * 7}: nesting of fields 33 exceeds the limit of 32",
    )
    data = npy_of("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "-" * 1_000_000, b"", (2, 0))
    yield refused(
        "minus_signs_1000000",
        row,
        data,
        f"byte {data.index(b'---')}: header: a non-negative integer below 2**63 expected, found '-'",
    )
    row = "9,700 spaces then ! or '"
    data = npy_of("{" + " " * 1_000_000 + "!", b"", (2, 0))
    yield refused(
        "spaces_1000000_then_an_exclamation_mark",
        row,
        data,
        f"byte {len(data) - 1}: header: a string expected, found '!'",
    )
    row = "missing or extra key, wrong types, calls"
    key = "k" * 1_000_000
    data = npy_of(f"{{'{key}': 1}}", b"", (2, 0))
    yield refused(
        "key_of_1000000_characters", row, data, "~header: key .* is not one of descr, fortran_order and shape"
    )


assert MAGIC == npy("<f4", (), b"")[:6]
