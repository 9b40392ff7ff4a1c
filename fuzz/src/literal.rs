//! The literal parser alone: the input is the text of a header, so that no magic and no length must be guessed.
//!
//! What is accepted is read once more by a parser that first makes a tree of it, as Python would; and spaces,
//! which make the fast path step aside, change nothing.

use npzarrow::Result;
use npzarrow::npy::{Dtype, Header, Order};

use crate::memory::within;

/// Bytes of memory that one byte of a header may cost, as in the target `header`.
const PER_BYTE: u64 = 64;
/// Headers of version 1.0 have at most this many bytes.
const MAX_V1: usize = 0xffff;

/// Runs the target. The first byte says which version the text is read as.
pub fn run(data: &[u8]) {
    let Some((&first, text)) = data.split_first() else { return };
    if text.len() > MAX_V1 {
        return;
    }
    let major = first % 3 + 1;
    let result = parse(major, text);
    let spaced = parse(major, &[b" \n", text].concat());
    match (&result, &spaced) {
        (Ok(plain), Ok(spaced)) => assert_eq!(values(plain), values(spaced)),
        // What is longer may be too many for version 1.0.
        (Ok(_), Err(_)) => assert!(text.len() + 2 > MAX_V1),
        (Err(_), Ok(spaced)) => panic!("spaces make {spaced:?} of it"),
        (Err(plain), Err(spaced)) => {
            let [plain, spaced] = [plain, spaced].map(|error| format!("{:?}", error.kind()));
            assert_eq!(plain, spaced);
        }
    }
    match result {
        Ok(header) => {
            second_opinion(&header, text, major);
            // Versions 1.0 and 2.0 differ in the length field alone.
            if major < 3 {
                assert_eq!(values(&parse(3 - major, text).expect("the same text")), values(&header));
            }
            // A dictionary that is not closed is none.
            let end = text.iter().rposition(|&byte| byte == b'}').expect("a dictionary");
            let (open, _) = text.split_at(end);
            assert!(parse(major, open).is_err());
        }
        Err(error) => {
            let text_end = preamble(major, text.len()).len() + text.len();
            let place = error.location().offset.unwrap_or(0);
            assert!(place <= text_end as u64, "{error} lies behind the header");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}

fn preamble(major: u8, len: usize) -> Vec<u8> {
    let mut bytes = [&b"\x93NUMPY"[..], &[major, 0]].concat();
    let len = u32::try_from(len).expect("a short text").to_le_bytes();
    bytes.extend(if major == 1 { len.split_at(2).0 } else { &len });
    bytes
}

fn parse(major: u8, text: &[u8]) -> Result<Header> {
    let len = if major == 1 { text.len().min(MAX_V1) } else { text.len() };
    let mut bytes = preamble(major, len);
    bytes.extend(text);
    within(PER_BYTE * bytes.len() as u64 + 4096, "parsing", || Header::parse(&bytes))
}

fn values(header: &Header) -> (&Dtype, Order, &[u64], u64) {
    (header.dtype(), header.order(), header.shape(), header.payload_len())
}

/// A value of Python.
#[derive(Debug, PartialEq)]
enum Value {
    Text(String),
    Number(u64),
    Truth(bool),
    Tuple(Vec<Self>),
    List(Vec<Self>),
    Dictionary(Vec<(Self, Self)>),
}

/// Reads the text as a tree and compares it with the header.
fn second_opinion(header: &Header, text: &[u8], major: u8) {
    let text: Vec<char> = if major == 3 {
        str::from_utf8(text).expect("version 3.0 is UTF-8").chars().collect()
    } else {
        text.iter().map(|&byte| char::from(byte)).collect()
    };
    let mut tree = Tree { text: &text, at: 0 };
    let value = tree.value();
    tree.skip_space();
    assert_eq!(tree.at, text.len(), "nothing is left over");
    let Value::Dictionary(pairs) = value else { panic!("{value:?} is no dictionary") };
    assert_eq!(pairs.len(), 3, "{pairs:?}");
    let get = |wanted: &str| {
        let found = pairs.iter().find(|(key, _)| *key == Value::Text(wanted.to_owned()));
        &found.unwrap_or_else(|| panic!("{wanted} is missing in {pairs:?}")).1
    };
    assert_eq!(get("fortran_order"), &Value::Truth(header.order() == Order::Fortran));
    assert_eq!(get("shape"), &shape(header.shape()));
    dtype(header.dtype(), get("descr"));
}

fn shape(dims: &[u64]) -> Value {
    Value::Tuple(dims.iter().map(|&dim| Value::Number(dim)).collect())
}

/// Compares a dtype with what stands for it.
fn dtype(dtype: &Dtype, value: &Value) {
    match (dtype, value) {
        (Dtype::Record(record), Value::List(items)) => {
            let mut offset = 0;
            let mut fields = record.fields().iter();
            for item in items {
                let Value::Tuple(parts) = item else { panic!("{item:?} is no field") };
                let [name, inner, rest @ ..] = &parts[..] else { panic!("{item:?} is no field") };
                let is_padding = *name == Value::Text(String::new())
                    && rest.is_empty()
                    && matches!(inner, Value::Text(_))
                    && matches!(type_of(inner), Dtype::Void(_));
                if is_padding {
                    offset += type_of(inner).item_size();
                    continue;
                }
                let field = fields.next().expect("a field for each item");
                let (title, name) = match name {
                    Value::Tuple(both) => match &both[..] {
                        [Value::Text(title), Value::Text(name)] => (Some(title), name),
                        other => panic!("{other:?} is no title with a name"),
                    },
                    Value::Text(name) => (None, name),
                    other => panic!("{other:?} is no name"),
                };
                assert_eq!(field.title.as_ref(), title);
                assert_eq!((&field.name, field.offset), (name, offset));
                match (&field.dtype, rest) {
                    (Dtype::Subarray(subarray), [dims]) => {
                        match dims {
                            Value::Number(dim) => assert_eq!(subarray.shape()[..], [*dim]),
                            dims => assert_eq!(&shape(subarray.shape()), dims),
                        }
                        self::dtype(subarray.dtype(), inner);
                    }
                    (plain, []) => self::dtype(plain, inner),
                    other => panic!("{other:?} is no field"),
                }
                offset += field.dtype.item_size();
            }
            assert!(fields.next().is_none());
            assert_eq!(record.item_size(), offset);
        }
        (dtype, value) => assert_eq!(&type_of(value), dtype),
    }
}

fn type_of(value: &Value) -> Dtype {
    let Value::Text(text) = value else { panic!("{value:?} is no type string") };
    Dtype::from_type_str(text).unwrap_or_else(|| panic!("{text:?} is no type string"))
}

/// A parser that may take its time, of text that was accepted.
struct Tree<'a> {
    text: &'a [char],
    at: usize,
}

impl Tree<'_> {
    fn next(&mut self) -> char {
        let next = *self.text.get(self.at).expect("the text goes on");
        self.at += 1;
        next
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(|c| " \t\n\r\x0c".contains(*c)) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> char {
        self.skip_space();
        *self.text.get(self.at).expect("the text goes on")
    }

    fn value(&mut self) -> Value {
        match self.peek() {
            '\'' | '"' => Value::Text(self.text()),
            '0'..='9' => self.number(),
            'T' => self.word("True", true),
            'F' => self.word("False", false),
            '(' => Value::Tuple(self.items(')')),
            '[' => Value::List(self.items(']')),
            '{' => {
                self.next();
                let mut pairs = Vec::new();
                while self.peek() != '}' {
                    let key = self.value();
                    assert_eq!((self.peek(), self.next()), (':', ':'));
                    pairs.push((key, self.value()));
                    if self.peek() == ',' {
                        self.next();
                    }
                }
                self.next();
                Value::Dictionary(pairs)
            }
            other => panic!("{other:?} begins no value"),
        }
    }

    fn items(&mut self, close: char) -> Vec<Value> {
        self.next();
        let mut items = Vec::new();
        while self.peek() != close {
            items.push(self.value());
            if self.peek() == ',' {
                self.next();
            }
        }
        self.next();
        items
    }

    fn word(&mut self, word: &str, value: bool) -> Value {
        for expected in word.chars() {
            assert_eq!(self.next(), expected);
        }
        Value::Truth(value)
    }

    fn number(&mut self) -> Value {
        let mut value = 0_u64;
        while let Some(digit) = self.text.get(self.at).and_then(|c| c.to_digit(10)) {
            value = value * 10 + u64::from(digit);
            self.at += 1;
        }
        if self.text.get(self.at) == Some(&'L') {
            self.at += 1;
        }
        Value::Number(value)
    }

    fn text(&mut self) -> String {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                '\\' => {
                    let digits = match self.next() {
                        'n' => {
                            text.push('\n');
                            continue;
                        }
                        'r' => {
                            text.push('\r');
                            continue;
                        }
                        't' => {
                            text.push('\t');
                            continue;
                        }
                        'x' => 2,
                        'u' => 4,
                        'U' => 8,
                        other => {
                            text.push(other);
                            continue;
                        }
                    };
                    let code: String = (0..digits).map(|_| self.next()).collect();
                    let code = u32::from_str_radix(&code, 16).expect("hexadecimal digits");
                    text.push(char::from_u32(code).expect("a character"));
                }
                c if c == quote => return text,
                c => text.push(c),
            }
        }
    }
}
