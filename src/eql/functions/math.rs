//! Functions on numbers. Null in, null out; what Java throws for (overflow, division by zero) is null too.

use crate::eql::ast::Arithmetic;
use crate::eql::number::Number;
use crate::eql::record::Scalar;
use crate::eql::value::{Datum, number_of, scalar_of};

/// `a operator b` on two datums.
pub fn calculate<'v>(operator: Arithmetic, left: &Datum<'v>, right: &Datum<'v>) -> Datum<'v> {
    let (left, right) = (number_of(left.as_ref()?)?, number_of(right.as_ref()?)?);
    left.calculate(operator, right).map(scalar_of)
}

fn binary<'v>(operator: Arithmetic, arguments: &[Datum<'v>]) -> Datum<'v> {
    calculate(operator, arguments.first()?, arguments.get(1)?)
}

/// `add(a, b)`
pub fn add<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    binary(Arithmetic::Add, arguments)
}

/// `subtract(a, b)`
pub fn subtract<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    binary(Arithmetic::Subtract, arguments)
}

/// `multiply(a, b)`
pub fn multiply<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    binary(Arithmetic::Multiply, arguments)
}

/// `divide(a, b)`
pub fn divide<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    binary(Arithmetic::Divide, arguments)
}

/// `modulo(a, b)`
pub fn modulo<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    binary(Arithmetic::Modulo, arguments)
}

/// `number(text, base)`: `0x` in front means base 16 when no base is given (ToNumberFunctionProcessor). What is no number is null.
pub fn number<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    let Some(Scalar::Str(text)) = arguments.first()? else { return None };
    let text = text.trim();
    let hexadecimal = text.strip_prefix("0x");
    let base = match arguments.get(1).and_then(Option::as_ref) {
        Some(base) => number_of(base)?.as_i64(),
        None if hexadecimal.is_some() => 16,
        None => 10,
    };
    let number = match base {
        10 => Number::parse(text)?,
        16 => Number::Int(i64::from_str_radix(hexadecimal.unwrap_or(text), 16).ok()?),
        2..=36 => Number::Int(i64::from_str_radix(text, u32::try_from(base).ok()?).ok()?),
        _ => return None,
    };
    Some(scalar_of(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str, base: Option<i64>) -> Datum<'static> {
        number(&[Some(Scalar::Str(text.into())), base.map(Scalar::Int)], false)
    }

    #[test]
    fn numbers_are_read_in_any_base() {
        assert_eq!(read("0x10", None), Some(Scalar::Int(16)));
        assert_eq!(read("0x1337", Some(16)), Some(Scalar::Int(4919)));
        assert_eq!(read("052403", Some(8)), Some(Scalar::Int(21763)));
        assert_eq!(read("-3.25", Some(10)), Some(Scalar::Float(-3.25)));
        assert_eq!(read("+314", None), Some(Scalar::Int(314)));
        assert_eq!(read("x", None), None);
        assert_eq!(read("1", Some(99)), None);
    }
}
