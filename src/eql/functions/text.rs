//! Functions on strings. Positions and lengths are in UTF-16 units, as in Java; `~` lower-cases by Unicode, as Java's scripts do. Null in, null out
//! unless a function says otherwise.

use std::borrow::Cow;

use crate::eql::address;
use crate::eql::record::Scalar;
use crate::eql::value::{Datum, ip_of, number_of, text_of};

/// `between(source, left, right, greedy)`: what stands between the first `left` and the next `right` (greedy: the last `right`); an empty string when
/// either is not found, the source itself when any of the three is empty (StringUtils.between).
pub fn between<'v>(arguments: &[Datum<'v>], insensitive: bool) -> Datum<'v> {
    let source = text(arguments.first()?)?;
    let (left, right) = (text(arguments.get(1)?)?, text(arguments.get(2)?)?);
    if source.is_empty() || left.is_empty() || right.is_empty() {
        return Some(Scalar::Str(source));
    }
    let greedy = matches!(arguments.get(3), Some(Some(Scalar::Bool(true))));
    let source: Vec<u16> = source.encode_utf16().collect();
    let searched = units(&source, insensitive);
    let left = folded_units(&left, insensitive);
    let right = folded_units(&right, insensitive);
    let found = find(&searched, &left, 0).map(|at| at.saturating_add(left.len())).and_then(|start| {
        let end = if greedy { find_last(&searched, &right) } else { find(&searched, &right, start) }?;
        source.get(start..end)
    });
    Some(owned(found.map(String::from_utf16_lossy).unwrap_or_default()))
}

/// `cidrMatch(address, block, …)`
pub fn cidr_match<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    let (first, blocks) = arguments.split_first()?;
    let ip = ip_of(first.as_ref()?)?;
    let inside = blocks
        .iter()
        .flatten()
        .filter_map(|block| address::parse_block(&text_of(block)))
        .any(|block| block.contains(&ip));
    Some(Scalar::Bool(inside))
}

/// `concat(value, …)`: any null makes the result null.
pub fn concat<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    let mut result = String::new();
    for argument in arguments {
        result.push_str(&text_of(argument.as_ref()?));
    }
    Some(owned(result))
}

/// `startsWith(source, part)`
pub fn starts_with<'v>(arguments: &[Datum<'v>], insensitive: bool) -> Datum<'v> {
    let (source, part) = two(arguments, insensitive)?;
    Some(Scalar::Bool(source.starts_with(part.as_ref())))
}

/// `endsWith(source, part)`
pub fn ends_with<'v>(arguments: &[Datum<'v>], insensitive: bool) -> Datum<'v> {
    let (source, part) = two(arguments, insensitive)?;
    Some(Scalar::Bool(source.ends_with(part.as_ref())))
}

/// `stringContains(source, part)`: false when either is empty (StringUtils.stringContains).
pub fn string_contains<'v>(arguments: &[Datum<'v>], insensitive: bool) -> Datum<'v> {
    let (source, part) = two(arguments, insensitive)?;
    Some(Scalar::Bool(!source.is_empty() && !part.is_empty() && source.contains(part.as_ref())))
}

/// `indexOf(source, part, start)`: null when not found; a missing or negative start is 0.
pub fn index_of<'v>(arguments: &[Datum<'v>], insensitive: bool) -> Datum<'v> {
    let (source, part) = two(arguments, insensitive)?;
    let start = match arguments.get(2).and_then(Option::as_ref) {
        Some(start) => usize::try_from(number_of(start)?.as_i64().max(0)).unwrap_or(usize::MAX),
        None => 0,
    };
    let source: Vec<u16> = source.encode_utf16().collect();
    let part: Vec<u16> = part.encode_utf16().collect();
    // Java finds an empty part at the end when the start is past it.
    let start = if part.is_empty() { start.min(source.len()) } else { start };
    find(&source, &part, start).and_then(|at| i64::try_from(at).ok()).map(Scalar::Int)
}

/// `length(source)`
pub fn length<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    let source = text(arguments.first()?)?;
    i64::try_from(source.encode_utf16().count()).ok().map(Scalar::Int)
}

/// `string(value)`
pub fn string<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    Some(owned(text_of(arguments.first()?.as_ref()?).into_owned()))
}

/// `substring(source, start, end)`: a Python slice; a null start is 0, a null end is the end.
pub fn substring<'v>(arguments: &[Datum<'v>], _: bool) -> Datum<'v> {
    let source = text(arguments.first()?)?;
    let source: Vec<u16> = source.encode_utf16().collect();
    let length = i64::try_from(source.len()).ok()?;
    let position = |index: usize, default: i64| match arguments.get(index).and_then(Option::as_ref) {
        None => Some(default),
        Some(position) => {
            let position = number_of(position)?.as_i64();
            let from_start = if position < 0 { position.saturating_add(length) } else { position };
            Some(from_start.clamp(0, length))
        }
    };
    let start = usize::try_from(position(1, 0)?).ok()?;
    let end = usize::try_from(position(2, length)?).ok()?;
    Some(owned(source.get(start..end).map(String::from_utf16_lossy).unwrap_or_default()))
}

fn owned<'v>(text: String) -> Scalar<'v> {
    Scalar::Str(Cow::Owned(text))
}

fn text<'v>(datum: &Datum<'v>) -> Option<Cow<'v, str>> {
    match datum.as_ref()? {
        Scalar::Str(text) => Some(text.clone()),
        other => Some(Cow::Owned(text_of(other).into_owned())),
    }
}

/// The first two arguments as texts, lower-cased when case does not count.
fn two<'v>(arguments: &[Datum<'v>], insensitive: bool) -> Option<(Cow<'v, str>, Cow<'v, str>)> {
    let (source, part) = (text(arguments.first()?)?, text(arguments.get(1)?)?);
    if insensitive {
        return Some((Cow::Owned(source.to_lowercase()), Cow::Owned(part.to_lowercase())));
    }
    Some((source, part))
}

fn folded_units(text: &str, insensitive: bool) -> Vec<u16> {
    if insensitive { text.to_lowercase().encode_utf16().collect() } else { text.encode_utf16().collect() }
}

fn units(source: &[u16], insensitive: bool) -> Vec<u16> {
    folded_units(&String::from_utf16_lossy(source), insensitive)
}

/// Java's `indexOf(part, start)` on UTF-16 units.
fn find(source: &[u16], part: &[u16], start: usize) -> Option<usize> {
    if part.is_empty() {
        return (start <= source.len()).then_some(start);
    }
    source
        .get(start..)?
        .windows(part.len())
        .position(|window| window == part)
        .map(|at| start.saturating_add(at))
}

fn find_last(source: &[u16], part: &[u16]) -> Option<usize> {
    source.windows(part.len().max(1)).rposition(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eql::functions::Call;

    fn s(text: &'static str) -> Datum<'static> {
        Some(Scalar::Str(text.into()))
    }

    fn n(number: i64) -> Datum<'static> {
        Some(Scalar::Int(number))
    }

    #[track_caller]
    fn check(call: Call, arguments: &[Datum<'static>], insensitive: bool, expected: Datum<'static>) {
        assert_eq!(call(arguments, insensitive), expected, "{arguments:?}");
    }

    #[test]
    fn between_finds_the_nearest_or_the_last() {
        let planet = s("welcome to the planet");
        let between = between as Call;
        check(between, &[planet.clone(), s("welcome"), s("planet"), None], false, s(" to the "));
        check(
            between,
            &[planet.clone(), s("welcome"), s("e"), Some(Scalar::Bool(true))],
            false,
            s(" to the plan"),
        );
        check(between, &[planet.clone(), s("welcome"), s("e"), None], false, s(" to th"));
        check(between, &[planet.clone(), s("WELCOME"), s("E"), None], true, s(" to th"));
        check(between, &[planet.clone(), s("goodbye"), s("planet"), None], false, s(""));
        check(between, &[planet.clone(), s("planet"), s("welcome"), Some(Scalar::Bool(true))], false, s(""));
        check(between, &[planet, s(""), s("x"), None], false, s("welcome to the planet"));
        check(between, &[None, s("a"), s("b"), None], false, None);
    }

    #[test]
    fn substring_slices_as_python_does() {
        let hello = s("hello world");
        let substring = substring as Call;
        for (start, end, expected) in [
            (n(6), None, "world"),
            (None, n(5), "hello"),
            (n(0), n(500), "hello world"),
            (n(5), n(-1), " worl"),
            (n(-5), n(11), "world"),
            (n(-60), n(5), "hello"),
            (n(-5), n(-1), "worl"),
            (n(8), n(3), ""),
            (n(i64::MIN), n(i64::MAX), "hello world"),
        ] {
            check(substring, &[hello.clone(), start, end], false, s(expected));
        }
        check(substring, &[None, n(5), None], false, None);
    }

    #[test]
    fn index_of_counts_utf16_units() {
        let index_of = index_of as Call;
        check(index_of, &[s("foobarbaz"), s("o"), n(2)], false, n(2));
        check(index_of, &[s("foobarbaz"), s("o"), n(-9)], false, n(1));
        check(index_of, &[s("foobarbaz"), s("B"), None], true, n(3));
        check(index_of, &[s("foobarbaz"), s("L"), None], false, None);
        check(index_of, &[s("😀x"), s("x"), None], false, n(2));
        check(index_of, &[s("abc"), s(""), n(9)], false, n(3));
        check(index_of, &[s("abc"), None, None], false, None);
        check(length as Call, &[s("😀x")], false, n(3));
    }

    #[test]
    fn containing_and_joining() {
        check(string_contains as Call, &[s("abc"), s("B")], true, Some(Scalar::Bool(true)));
        check(string_contains as Call, &[s(""), s("")], false, Some(Scalar::Bool(false)));
        check(starts_with as Call, &[s("ÄB"), s("ä")], true, Some(Scalar::Bool(true)));
        check(starts_with as Call, &[s("a"), s("")], false, Some(Scalar::Bool(true)));
        check(ends_with as Call, &[s("FooBarBaz"), s("baz")], false, Some(Scalar::Bool(false)));
        check(concat as Call, &[s("a"), n(1), Some(Scalar::Bool(true))], false, s("a1true"));
        check(concat as Call, &[s("a"), None], false, None);
        check(string as Call, &[Some(Scalar::Float(2.1828))], false, s("2.1828"));
    }
}
