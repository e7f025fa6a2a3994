//! A writer of JSON straight into bytes: a page of many rows costs no allocation a field.

/// An identifier as .NET prints it: 32 lower-case hexadecimal digits in five groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Guid(pub(crate) u64, pub(crate) u64);

/// JSON in the making. Commas set themselves; texts must not need escaping, which holds for all the simulator's data.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes an object, whose members `write` adds with [`Self::key`].
    pub(crate) fn object(&mut self, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.raw("{");
        write(self);
        self.raw("}");
    }

    /// Writes an array, whose elements `write` adds.
    pub(crate) fn array(&mut self, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.raw("[");
        write(self);
        self.raw("]");
    }

    /// Writes the name of the member whose value is written next.
    pub(crate) fn key(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self.raw(":");
        self
    }

    /// Writes a string.
    pub(crate) fn text(&mut self, text: &str) {
        self.quoted(|out| out.raw(text));
    }

    /// Writes a string that `write` puts together from parts, with [`Self::raw`], [`Self::digits`] and [`Self::hex`].
    pub(crate) fn quoted(&mut self, write: impl FnOnce(&mut Self)) {
        self.separate();
        self.raw("\"");
        write(self);
        self.raw("\"");
    }

    /// Writes an identifier as a string.
    pub(crate) fn guid(&mut self, Guid(high, low): Guid) {
        // RFC 9562, section 5.4: version 4 and its variant, as a .NET server makes them.
        let high = (high & !0xF000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        self.quoted(|out| {
            out.hex(high >> 32, 8);
            out.raw("-");
            out.hex(high >> 16, 4);
            out.raw("-");
            out.hex(high, 4);
            out.raw("-");
            out.hex(low >> 48, 4);
            out.raw("-");
            out.hex(low, 12);
        });
    }

    /// Writes a whole number.
    pub(crate) fn number(&mut self, number: u64) {
        self.separate();
        self.digits(number, 1);
    }

    /// Writes a decimal that is given in millionths, with all six places.
    pub(crate) fn millionths(&mut self, millionths: i64) {
        self.separate();
        if millionths < 0 {
            self.raw("-");
        }
        self.digits(millionths.unsigned_abs() / 1_000_000, 1);
        self.raw(".");
        self.digits(millionths.unsigned_abs() % 1_000_000, 6);
    }

    /// Writes `true` or `false`.
    pub(crate) fn boolean(&mut self, value: bool) {
        self.separate();
        self.raw(if value { "true" } else { "false" });
    }

    /// Writes `null`.
    pub(crate) fn null(&mut self) {
        self.separate();
        self.raw("null");
    }

    /// Writes a value that is JSON already.
    pub(crate) fn json(&mut self, json: &str) {
        self.separate();
        self.raw(json);
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Writes a number's digits, padded with zeros to `width`; a longer number keeps all of its digits.
    pub(crate) fn digits(&mut self, mut number: u64, width: usize) {
        const LONGEST: usize = 20;
        let mut digits = [b'0'; LONGEST];
        let mut first = LONGEST;
        while number > 0 {
            first -= 1;
            digits[first] = b"0123456789"[(number % 10) as usize];
            number /= 10;
        }
        let first = first.min(LONGEST.saturating_sub(width));
        self.bytes.extend_from_slice(&digits[first..]);
    }

    /// Writes the last `width` hexadecimal digits of a number.
    pub(crate) fn hex(&mut self, number: u64, width: usize) {
        const LONGEST: usize = 16;
        let mut digits = [0; LONGEST];
        for (place, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(number >> (60 - 4 * place) & 0xF) as usize];
        }
        self.bytes.extend_from_slice(&digits[LONGEST.saturating_sub(width)..]);
    }

    /// Sets the comma between this value or name and what stands before it.
    fn separate(&mut self) {
        if !matches!(self.bytes.last(), None | Some(b'{' | b'[' | b':')) {
            self.bytes.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Writer)) -> String {
        let mut out = Writer::default();
        write(&mut out);
        String::from_utf8(out.into_bytes()).expect("the writer is given text")
    }

    #[test]
    fn commas_set_themselves_at_every_level() {
        let text = written(|out| {
            out.object(|out| {
                out.key("a").array(|out| {
                    out.number(1);
                    out.null();
                    out.object(|_| ());
                    out.array(|_| ());
                });
                out.key("b").text("{");
                out.key("c").boolean(true);
            });
        });

        assert_eq!(text, r#"{"a":[1,null,{},[]],"b":"{","c":true}"#);
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = written(|out| {
            out.array(|out| {
                out.number(0);
                out.number(u64::MAX);
                out.millionths(-3_703_790);
                out.millionths(52_000_001);
                out.quoted(|out| out.digits(7123, 6));
                out.quoted(|out| out.digits(1_234_567, 6));
            });
        });

        assert_eq!(text, r#"[0,18446744073709551615,-3.703790,52.000001,"007123","1234567"]"#);
    }

    #[test]
    fn identifiers_are_version_4_guids() {
        assert_eq!(
            written(|out| out.guid(Guid(0x0123_4567_89ab_cdef, u64::MAX))),
            r#""01234567-89ab-4def-bfff-ffffffffffff""#
        );
        assert_eq!(
            written(|out| out.guid(Guid(0, 0))),
            r#""00000000-0000-4000-8000-000000000000""#
        );
    }
}
