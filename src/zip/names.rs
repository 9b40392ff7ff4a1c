//! Names of members: UTF-8 where the entry says so, else code page 437 (APPNOTE appendix D).

/// What bytes 0x80 to 0xFF stand for on an IBM PC.
const CP437_UPPER: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ', 'ô', 'ö',
    'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ', 'ª', 'º', '¿', '⌐',
    '¬', '½', '¼', '¡', '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕', '╣', '║', '╗', '╝', '╜', '╛',
    '┐', '└', '┴', '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦', '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙',
    '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█', '▄', '▌', '▐', '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ',
    'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±', '≥', '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²',
    '■', '\u{a0}',
];

pub(super) const UTF8_FLAG: u16 = 1 << 11;

/// Appends a decoded name; false if it is flagged as UTF-8 and is not.
pub(super) fn decode_into(names: &mut String, raw: &[u8], flags: u16) -> bool {
    if flags & UTF8_FLAG != 0 || raw.is_ascii() {
        match str::from_utf8(raw) {
            Ok(name) => names.push_str(name),
            Err(_) => return false,
        }
    } else {
        names.extend(raw.iter().map(|&byte| match byte.checked_sub(0x80) {
            None => char::from(byte),
            Some(upper) => {
                CP437_UPPER.get(usize::from(upper)).copied().unwrap_or(char::REPLACEMENT_CHARACTER)
            }
        }));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        for (raw, flags, name) in [
            (&b"x.npy"[..], 0, Some("x.npy")),
            ("π.npy".as_bytes(), UTF8_FLAG, Some("π.npy")),
            (b"\x81\xe3\xff", 0, Some("üπ\u{a0}")),
            (b"\x81", UTF8_FLAG, None),
        ] {
            let mut names = String::new();
            assert_eq!(decode_into(&mut names, raw, flags).then_some(names.as_str()), name);
        }
    }
}
