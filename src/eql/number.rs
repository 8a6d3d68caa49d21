//! Numbers as scripts and ranges see them: exact comparison, Java's arithmetic and Java's texts. It reads no field.

use std::cmp::Ordering;
use std::fmt;

use super::ast::Arithmetic;

/// A whole number or one with a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
}

/// 2^63: the first `f64` above every `i64`.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

impl Number {
    /// The nearest `f64`.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }

    /// The number cut to a whole one as Java's `intValue` does for the sizes that occur here; saturating.
    pub fn as_i64(self) -> i64 {
        match self {
            Self::Int(int) => int,
            Self::Float(float) => float as i64,
        }
    }

    /// Compares by value, whatever the kinds; `None` only with NaN.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b),
            (Self::Int(a), Self::Float(b)) => compare_mixed(a, b),
            (Self::Float(a), Self::Int(b)) => compare_mixed(b, a).map(Ordering::reverse),
        }
    }

    /// `self operator other` by Elasticsearch's Arithmetics: whole numbers stay whole, division truncates towards zero, the remainder has the sign of
    /// the dividend. `None` where Java throws: overflow and division of whole numbers by zero.
    pub fn calculate(self, operator: Arithmetic, other: Self) -> Option<Self> {
        if let (Self::Int(a), Self::Int(b)) = (self, other) {
            let result = match operator {
                Arithmetic::Add => a.checked_add(b),
                Arithmetic::Subtract => a.checked_sub(b),
                Arithmetic::Multiply => a.checked_mul(b),
                Arithmetic::Divide => a.checked_div(b),
                Arithmetic::Modulo => a.checked_rem(b),
            };
            return result.map(Self::Int);
        }
        let (a, b) = (self.as_f64(), other.as_f64());
        Some(Self::Float(match operator {
            Arithmetic::Add => a + b,
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
            Arithmetic::Modulo => a % b,
        }))
    }

    /// `-self`; `None` on overflow.
    pub fn negated(self) -> Option<Self> {
        match self {
            Self::Int(int) => int.checked_neg().map(Self::Int),
            Self::Float(float) => Some(Self::Float(-float)),
        }
    }

    /// A decimal number, whole when it is written so.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(int) = text.parse() {
            return Some(Self::Int(int));
        }
        let float: f64 = text.parse().ok()?;
        float.is_finite().then_some(Self::Float(float))
    }
}

fn compare_mixed(int: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= TWO_TO_63 {
        return Some(Ordering::Less);
    }
    if float < -TWO_TO_63 {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    let fraction = float - whole;
    Some(int.cmp(&(whole as i64)).then(0.0_f64.partial_cmp(&fraction)?))
}

/// The text Java gives a number: `16`, `2.1828`, `3.0`, `1.0E10`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Float(float) if float.is_nan() => f.write_str("NaN"),
            Self::Float(float) if float.is_infinite() => {
                f.write_str(if *float > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Self::Float(float) if *float == 0.0 || (1e-3..1e7).contains(&float.abs()) => {
                write!(f, "{float:?}")
            }
            Self::Float(float) => {
                let text = format!("{float:e}");
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let point = if digits.contains('.') { "" } else { ".0" };
                write!(f, "{digits}{point}E{exponent}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_broken_numbers_compare_by_value() {
        assert_eq!(Number::Int(4).compare(Number::Float(4.5)), Some(Ordering::Less));
        assert_eq!(Number::Float(-4.5).compare(Number::Int(-4)), Some(Ordering::Less));
        assert_eq!(Number::Int(i64::MAX).compare(Number::Float(TWO_TO_63)), Some(Ordering::Less));
        assert_eq!(Number::Int(i64::MIN).compare(Number::Float(-TWO_TO_63)), Some(Ordering::Equal));
        assert_eq!(
            Number::Int(9_007_199_254_740_993).compare(Number::Float(9_007_199_254_740_992.0)),
            Some(Ordering::Greater)
        );
        assert_eq!(Number::Int(0).compare(Number::Float(f64::NAN)), None);
    }

    #[test]
    fn arithmetic_is_java_s() {
        let int = |a, op, b| Number::Int(a).calculate(op, Number::Int(b));
        assert_eq!(int(-7, Arithmetic::Divide, 2), Some(Number::Int(-3)));
        assert_eq!(int(-7, Arithmetic::Modulo, 3), Some(Number::Int(-1)));
        assert_eq!(int(1, Arithmetic::Divide, 0), None);
        assert_eq!(int(i64::MAX, Arithmetic::Add, 1), None);
        assert_eq!(
            Number::Int(7).calculate(Arithmetic::Divide, Number::Float(2.0)),
            Some(Number::Float(3.5))
        );
    }

    #[test]
    fn texts_are_java_s() {
        for (number, text) in
            [(2.1828, "2.1828"), (3.0, "3.0"), (1e10, "1.0E10"), (1.5e-5, "1.5E-5"), (123456.0, "123456.0")]
        {
            assert_eq!(Number::Float(number).to_string(), text);
        }
    }
}
