//! Tables as Parquet files: whole numbers and words, no gaps, compressed with Snappy.
//!
//! The part of the format that this needs is small and has not changed in ten years, and the libraries that write all of
//! it are larger than the rest of this program. Readers that were tried are named in the tests of `simulations/notebook`.
//! Equal tables give equal bytes.

use snap::raw::Encoder;

/// Rows in a group: readers hold one in memory.
const GROUP: usize = 1 << 20;
const MAGIC: &[u8; 4] = b"PAR1";

/// A column.
#[derive(Debug, Clone)]
pub enum Column {
    /// Whole numbers.
    Numbers(Vec<i64>),
    /// Words out of a few, by their place in the list.
    Words(Vec<&'static str>, Vec<u8>),
}

// The numbers of the format, as its definition names them.
const TYPE_INT64: i64 = 2;
const TYPE_BYTE_ARRAY: i64 = 6;
const CONVERTED_UTF8: i64 = 0;
const ENCODING_PLAIN: i64 = 0;
const ENCODING_RLE: i64 = 3;
const ENCODING_RLE_DICTIONARY: i64 = 8;
const CODEC_SNAPPY: i64 = 1;
const PAGE_DATA: i64 = 0;
const PAGE_DICTIONARY: i64 = 2;

/// A file with these columns, all of one length.
#[must_use]
pub fn file(columns: &[(&str, Column)]) -> Vec<u8> {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    let mut out = MAGIC.to_vec();
    let mut groups = Vec::new();
    let mut start = 0;
    while start < rows {
        let end = (start + GROUP).min(rows);
        let offset = out.len();
        let chunks: Vec<Chunk> =
            columns.iter().map(|(_, column)| column.write(start, end, &mut out)).collect();
        groups.push((end - start, out.len() - offset, chunks));
        start = end;
    }
    let footer = footer(columns, rows, &groups);
    out.extend_from_slice(&footer);
    out.extend_from_slice(&(footer.len() as u32).to_le_bytes());
    out.extend_from_slice(MAGIC);
    out
}

/// Where a column's part of a group lies.
#[derive(Debug)]
struct Chunk {
    dictionary: Option<usize>,
    data: usize,
    values: usize,
    plain: usize,
    packed: usize,
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Words(_, places) => places.len(),
        }
    }

    const fn kind(&self) -> i64 {
        match self {
            Self::Numbers(_) => TYPE_INT64,
            Self::Words(..) => TYPE_BYTE_ARRAY,
        }
    }

    fn write(&self, start: usize, end: usize, out: &mut Vec<u8>) -> Chunk {
        let (values, begin) = (end - start, out.len());
        let mut plain = 0;
        match self {
            Self::Numbers(numbers) => {
                let rows = numbers.get(start..end).unwrap_or_default();
                let bytes: Vec<u8> = rows.iter().flat_map(|number| number.to_le_bytes()).collect();
                plain += page(out, PAGE_DATA, &bytes, values, ENCODING_PLAIN);
                Chunk { dictionary: None, data: begin, values, plain, packed: out.len() - begin }
            }
            Self::Words(words, places) => {
                let mut bytes = Vec::new();
                for word in words {
                    bytes.extend_from_slice(&(word.len() as u32).to_le_bytes());
                    bytes.extend_from_slice(word.as_bytes());
                }
                plain += page(out, PAGE_DICTIONARY, &bytes, words.len(), ENCODING_PLAIN);
                let data = out.len();
                // One byte for each word is the simplest packing that there is; Snappy makes it small.
                let rows = places.get(start..end).unwrap_or_default();
                let mut bytes = vec![8];
                varint(&mut bytes, (rows.len().div_ceil(8) as u64) << 1 | 1);
                bytes.extend_from_slice(rows);
                bytes.resize(bytes.len() + rows.len().next_multiple_of(8) - rows.len(), 0);
                plain += page(out, PAGE_DATA, &bytes, values, ENCODING_RLE_DICTIONARY);
                Chunk { dictionary: Some(begin), data, values, plain, packed: out.len() - begin }
            }
        }
    }
}

/// Writes a page; its size before compression, with its header.
fn page(out: &mut Vec<u8>, kind: i64, bytes: &[u8], values: usize, encoding: i64) -> usize {
    // It fails only above four gigabytes; a group's pages have a few megabytes.
    let packed = Encoder::new().compress_vec(bytes).unwrap_or_default();
    let mut header = Thrift::default();
    header.number(1, kind);
    header.number(2, bytes.len() as i64);
    header.number(3, packed.len() as i64);
    header.open(if kind == PAGE_DATA { 5 } else { 7 });
    header.number(1, values as i64);
    header.number(2, encoding);
    if kind == PAGE_DATA {
        header.number(3, ENCODING_RLE);
        header.number(4, ENCODING_RLE);
    }
    header.close();
    let header = header.end();
    out.extend_from_slice(&header);
    out.extend_from_slice(&packed);
    header.len() + bytes.len()
}

fn footer(columns: &[(&str, Column)], rows: usize, groups: &[(usize, usize, Vec<Chunk>)]) -> Vec<u8> {
    let mut meta = Thrift::default();
    meta.number(1, 1);
    meta.list(2, Kind::Struct, columns.len() + 1);
    meta.element();
    meta.text(4, "schema");
    meta.number(5, columns.len() as i64);
    meta.close();
    for (name, column) in columns {
        meta.element();
        meta.number(1, column.kind());
        meta.number(3, 0);
        meta.text(4, name);
        if column.kind() == TYPE_BYTE_ARRAY {
            meta.number(6, CONVERTED_UTF8);
        }
        meta.close();
    }
    meta.long(3, rows as i64);
    meta.list(4, Kind::Struct, groups.len());
    for (rows, bytes, chunks) in groups {
        meta.element();
        meta.list(1, Kind::Struct, chunks.len());
        for (chunk, (name, column)) in chunks.iter().zip(columns) {
            meta.element();
            meta.long(2, chunk.dictionary.unwrap_or(chunk.data) as i64);
            meta.open(3);
            meta.number(1, column.kind());
            let encodings: &[i64] = if chunk.dictionary.is_some() {
                &[ENCODING_PLAIN, ENCODING_RLE_DICTIONARY]
            } else {
                &[ENCODING_PLAIN]
            };
            meta.list(2, Kind::Number, encodings.len());
            encodings.iter().for_each(|encoding| meta.zigzag(*encoding));
            meta.list(3, Kind::Text, 1);
            meta.bytes(name);
            meta.number(4, CODEC_SNAPPY);
            meta.long(5, chunk.values as i64);
            meta.long(6, chunk.plain as i64);
            meta.long(7, chunk.packed as i64);
            meta.long(9, chunk.data as i64);
            if let Some(dictionary) = chunk.dictionary {
                meta.long(11, dictionary as i64);
            }
            meta.close();
            meta.close();
        }
        meta.long(2, *bytes as i64);
        meta.long(3, *rows as i64);
        meta.close();
    }
    meta.text(6, concat!("colony ", env!("CARGO_PKG_VERSION")));
    meta.end()
}

/// Kinds of fields of Thrift's compact protocol.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Number = 5,
    Long = 6,
    Text = 8,
    List = 9,
    Struct = 12,
}

/// Structures in Thrift's compact protocol, which Parquet describes itself in.
#[derive(Debug, Default)]
struct Thrift {
    out: Vec<u8>,
    /// The last field of each open structure.
    last: Vec<u8>,
    field: u8,
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl Thrift {
    fn header(&mut self, field: u8, kind: Kind) {
        // Fields come in order and less than 16 apart.
        self.out.push((field - self.field) << 4 | kind as u8);
        self.field = field;
    }

    fn zigzag(&mut self, value: i64) {
        varint(&mut self.out, ((value << 1) ^ (value >> 63)) as u64);
    }

    fn number(&mut self, field: u8, value: i64) {
        self.header(field, Kind::Number);
        self.zigzag(value);
    }

    fn long(&mut self, field: u8, value: i64) {
        self.header(field, Kind::Long);
        self.zigzag(value);
    }

    fn bytes(&mut self, text: &str) {
        varint(&mut self.out, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, field: u8, text: &str) {
        self.header(field, Kind::Text);
        self.bytes(text);
    }

    fn list(&mut self, field: u8, kind: Kind, count: usize) {
        self.header(field, Kind::List);
        if count < 15 {
            self.out.push((count as u8) << 4 | kind as u8);
        } else {
            self.out.push(0xF0 | kind as u8);
            varint(&mut self.out, count as u64);
        }
    }

    /// Opens a structure that is a field.
    fn open(&mut self, field: u8) {
        self.header(field, Kind::Struct);
        self.element();
    }

    /// Opens a structure in a list.
    fn element(&mut self) {
        self.last.push(self.field);
        self.field = 0;
    }

    fn close(&mut self) {
        self.out.push(0);
        self.field = self.last.pop().unwrap_or_default();
    }

    fn end(mut self) -> Vec<u8> {
        self.out.push(0);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_and_ends_with_its_name_and_says_how_long_its_footer_is() {
        let columns = [
            ("at", Column::Numbers(vec![1, -2, 3])),
            ("what", Column::Words(vec!["a", "bc"], vec![0, 1, 1])),
        ];
        let bytes = file(&columns);
        assert_eq!((&bytes[..4], &bytes[bytes.len() - 4..]), (&MAGIC[..], &MAGIC[..]));
        let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
        assert!((length as usize) < bytes.len());
        assert_eq!(bytes, file(&columns));
        assert!(file(&[("at", Column::Numbers(Vec::new()))]).len() > 12);
    }

    #[test]
    fn numbers_are_written_as_the_format_has_them() {
        let mut thrift = Thrift::default();
        thrift.number(1, -1);
        thrift.long(3, 300);
        assert_eq!(thrift.end(), [0x15, 0x01, 0x26, 0xD8, 0x04, 0x00]);
    }
}
