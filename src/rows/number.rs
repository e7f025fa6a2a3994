//! Number tokens by their decimal value, without rounding.

/// The significant digits that a double always keeps.
const ALWAYS_KEPT: usize = 15;

/// A number as JSON spells it, taken apart: (−1)^negative × digits × 10^exponent, the digits without zeros at either end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'a> {
    negative: bool,
    /// The significant digits before the point.
    whole: &'a [u8],
    /// The significant digits after it.
    fraction: &'a [u8],
    /// The power of ten of the last significant digit; `None` when it does not fit.
    exponent: Option<i64>,
    /// Whether the token has neither a point nor an exponent.
    is_integer_token: bool,
}

impl<'a> Decimal<'a> {
    /// Takes a number token apart; `None` for text that JSON does not allow as a number (`007`, `+1`, `.5`, `1.`).
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let bytes = token.as_bytes();
        let (negative, rest) = match bytes.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, bytes),
        };
        let (whole, rest) = leading_digits(rest);
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix(b".") {
            Some(rest) => Some(leading_digits(rest)).filter(|(digits, _)| !digits.is_empty())?,
            None => (&[][..], rest),
        };
        let exponent = match rest.split_first() {
            None => Some(0),
            Some((b'e' | b'E', text)) => {
                let unsigned =
                    text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
                let (digits, rest) = leading_digits(unsigned);
                if digits.is_empty() || !rest.is_empty() {
                    return None;
                }
                std::str::from_utf8(text).ok()?.parse::<i64>().ok()
            }
            Some(_) => return None,
        };
        let is_integer_token = whole.len() + usize::from(negative) == bytes.len();
        Some(Self::trimmed(negative, whole, fraction, exponent, is_integer_token))
    }

    /// Leaves out the zeros at either end.
    fn trimmed(
        negative: bool,
        whole: &'a [u8],
        fraction: &'a [u8],
        exponent: Option<i64>,
        is_integer_token: bool,
    ) -> Self {
        let whole = without_leading_zeros(whole);
        let fraction = without_trailing_zeros(fraction);
        let (significant, dropped) = if fraction.is_empty() {
            let significant = without_trailing_zeros(whole);
            (significant, whole.len() - significant.len())
        } else {
            (whole, 0)
        };
        let exponent = exponent
            .and_then(|exponent| exponent.checked_add(i64::try_from(dropped).ok()?))
            .and_then(|exponent| exponent.checked_sub(i64::try_from(fraction.len()).ok()?));
        let fraction = if whole.is_empty() { without_leading_zeros(fraction) } else { fraction };
        Self { negative, whole: significant, fraction, exponent, is_integer_token }
    }

    /// Whether the token has neither a point nor an exponent.
    pub(crate) fn is_integer_token(&self) -> bool {
        self.is_integer_token
    }

    /// Whether the value is zero.
    pub(crate) fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// Whether the token has a minus sign.
    pub(crate) fn is_negative(&self) -> bool {
        self.negative
    }

    /// Whether the shortest digits that stand for `value`, the double nearest to this number, are this number's.
    pub(crate) fn survives_as(&self, value: f64) -> bool {
        if self.is_zero() {
            return true;
        }
        if self.whole.len() + self.fraction.len() <= ALWAYS_KEPT && value.is_normal() {
            return true;
        }
        value.is_finite()
            && Decimal::parse(&format!("{value:e}")).is_some_and(|shortest| self.equals(&shortest))
    }

    /// Appends the value in a form that is the same for every spelling of it; nothing is appended for an exponent that
    /// does not fit 64 bits, and `false` is returned.
    pub(crate) fn append_canonical(&self, to: &mut Vec<u8>) -> bool {
        if self.is_zero() {
            to.push(b'0');
            return true;
        }
        let Some(exponent) = self.exponent else { return false };
        to.push(if self.negative { b'-' } else { b'+' });
        to.extend_from_slice(&exponent.to_le_bytes());
        to.extend_from_slice(self.whole);
        to.extend_from_slice(self.fraction);
        true
    }

    fn equals(&self, other: &Decimal<'_>) -> bool {
        let digits = |of: &Self| of.whole.len() + of.fraction.len();
        if self.is_zero() || other.is_zero() {
            return self.is_zero() && other.is_zero();
        }
        self.negative == other.negative
            && self.exponent.is_some()
            && self.exponent == other.exponent
            && digits(self) == other.whole.len() + other.fraction.len()
            && self.whole.iter().chain(self.fraction).eq(other.whole.iter().chain(other.fraction))
    }
}

fn leading_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len()))
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    digits.split_at(digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len())).1
}

fn without_trailing_zeros(digits: &[u8]) -> &[u8] {
    digits.split_at(digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(token: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        Decimal::parse(token)
            .expect("the test's token is a number")
            .append_canonical(&mut bytes)
            .then_some(bytes)
    }

    fn survives(token: &str) -> bool {
        let value = token.parse().expect("the test's token is a number");
        Decimal::parse(token).expect("the test's token is a number").survives_as(value)
    }

    #[test]
    fn spellings_of_one_value_are_the_same_and_other_values_are_not() {
        let groups: [&[&str]; 7] = [
            &["1", "1.0", "1e0", "100e-2", "0.01E+2", "1.000e-0"],
            &["0", "-0", "0.0", "0e99", "-0.00E-5", "0e99999999999999999999"],
            &["-1", "-1.0", "-10e-1"],
            &["10", "1e1", "0.1e2"],
            &["0.05", "5e-2", "0.0500"],
            &["105", "1.05e2"],
            &["15", "150e-1"],
        ];
        for (index, group) in groups.iter().enumerate() {
            for token in *group {
                assert_eq!(canonical(token), canonical(group[0]), "{token}");
                for other in &groups[index + 1..] {
                    assert_ne!(canonical(token), canonical(other[0]), "{token}");
                }
            }
        }
    }

    #[test]
    fn an_exponent_beyond_64_bits_has_no_canonical_form() {
        assert_eq!(canonical("1e99999999999999999999"), None);
        assert_eq!(canonical("10e9223372036854775807"), None);
        assert_eq!(canonical("0.1e-9223372036854775808"), None);
        assert!(canonical("1e9223372036854775807").is_some());
    }

    #[test]
    fn digits_survive_a_double_or_they_do_not() {
        for token in ["0.1", "1.10", "1e300", "0.30000000000000004", "-0.0", "1e22", "5e-324"] {
            assert!(survives(token), "{token}");
        }
        for token in [
            "3.14159265358979323846",
            "9223372036854775808",
            "1e400",
            "1e-400",
            "1e99999999999999999999",
            "0.1000000000000000055511151231257827",
            "4.9e-324",
        ] {
            assert!(!survives(token), "{token}");
        }
    }

    #[test]
    fn text_that_json_does_not_allow_is_no_number() {
        for text in
            ["", "-", "007", "+1", ".5", "1.", "1e", "1e+", "1x", "0x1", "NaN", " 1", "1e5 "]
        {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }
}
