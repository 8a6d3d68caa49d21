//! The function table: name, arguments, result and code of every EQL function in one place (EqlFunctionRegistry knows exactly these). It checks no
//! types itself; the compiler does, from this table.

pub(super) mod math;
mod text;

use std::fmt;

use super::record::Type;
use super::suggest;
use super::value::Datum;

/// One function. To add one, add a row to [`TABLE`].
pub struct Function {
    /// The name as Elasticsearch's reference writes it.
    pub name: &'static str,
    /// What each argument must be; the last one repeats when the function is variadic.
    pub parameters: &'static [Parameter],
    /// How many arguments must be there.
    pub required: usize,
    /// Whether the last parameter may repeat.
    pub variadic: bool,
    /// Whether `name~(…)` is allowed.
    pub insensitive: bool,
    /// The type of the result.
    pub result: Type,
    /// The code.
    pub call: Call,
}

/// A function's code: arguments (absent optional ones are null), whether `~` was written, the result.
pub type Call = for<'v> fn(&[Datum<'v>], bool) -> Datum<'v>;

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// An exact string.
    Text,
    /// A number.
    Number,
    /// Any value.
    Any,
    /// A constant boolean.
    Flag,
    /// An address.
    Address,
    /// A constant string that is an address or a block of addresses.
    Block,
}

impl Parameter {
    /// The parameter in an error message.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Any => "a value",
            Self::Flag => "the constant `true` or `false`",
            Self::Address => "an IP address",
            Self::Block => "a constant address or block such as \"10.0.0.0/8\"",
        }
    }
}

use Parameter::{Address, Any, Block, Flag, Number, Text};

const fn function(
    name: &'static str,
    parameters: &'static [Parameter],
    required: usize,
    result: Type,
    call: Call,
) -> Function {
    Function { name, parameters, required, variadic: false, insensitive: false, result, call }
}

const fn insensitive(function: Function) -> Function {
    Function { insensitive: true, ..function }
}

const fn variadic(function: Function) -> Function {
    Function { variadic: true, ..function }
}

/// Every function, in alphabetical order.
pub static TABLE: &[Function] = &[
    function("add", &[Number, Number], 2, Type::Double, math::add),
    insensitive(function("between", &[Text, Text, Text, Flag], 3, Type::Keyword, text::between)),
    variadic(function("cidrMatch", &[Address, Block], 2, Type::Boolean, text::cidr_match)),
    variadic(function("concat", &[Any], 1, Type::Keyword, text::concat)),
    function("divide", &[Number, Number], 2, Type::Double, math::divide),
    insensitive(function("endsWith", &[Text, Text], 2, Type::Boolean, text::ends_with)),
    insensitive(function("indexOf", &[Text, Text, Number], 2, Type::Long, text::index_of)),
    function("length", &[Text], 1, Type::Long, text::length),
    function("modulo", &[Number, Number], 2, Type::Double, math::modulo),
    function("multiply", &[Number, Number], 2, Type::Double, math::multiply),
    function("number", &[Text, Number], 1, Type::Double, math::number),
    insensitive(function("startsWith", &[Text, Text], 2, Type::Boolean, text::starts_with)),
    function("string", &[Any], 1, Type::Keyword, text::string),
    insensitive(function("stringContains", &[Text, Text], 2, Type::Boolean, text::string_contains)),
    function("substring", &[Text, Number, Number], 2, Type::Keyword, text::substring),
    function("subtract", &[Number, Number], 2, Type::Double, math::subtract),
];

/// The function called `name` in any case, or `None`.
pub fn find(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// The function whose name is nearest to `name`, for "did you mean".
pub fn nearest(name: &str) -> Option<&'static str> {
    suggest::nearest(name, TABLE.iter().map(|function| function.name))
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_are_found_in_any_case() {
        assert!(TABLE.is_sorted_by_key(|function| function.name.to_ascii_lowercase()));
        assert_eq!(find("CIDRMATCH").map(|function| function.name), Some("cidrMatch"));
        assert!(find("wildcard").is_none());
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        assert_eq!(nearest("startWith"), Some("startsWith"));
        assert_eq!(nearest("lenght"), Some("length"));
        assert_eq!(nearest("somethingElse"), None);
    }
}
