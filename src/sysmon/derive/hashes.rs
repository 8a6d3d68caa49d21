//! Sysmon's `ALG=HEX,ALG=HEX` taken apart. It does not check that a value has its algorithm's length.

use std::borrow::Cow;

use super::lower;

/// The order in which Elastic's documents list hashes under `related.hash`; any other algorithm follows as written.
const ORDER: [&str; 4] = ["sha256", "sha1", "md5", "imphash"];

/// Algorithm and value as written, zero values left out. Nothing at all when an item lacks its `=` (event 15 says `Unknown`).
fn items(text: &str) -> Vec<(&str, &str)> {
    let mut items = Vec::with_capacity(ORDER.len());
    for item in text.split(',') {
        let Some(item) = item.split_once('=') else { return Vec::new() };
        items.push(item);
    }
    items.retain(|(_, value)| value.bytes().any(|byte| byte != b'0'));
    items
}

/// The value of `algorithm` (lower-case), lower-cased.
pub(crate) fn one<'a>(text: &'a str, algorithm: &str) -> Option<Cow<'a, str>> {
    items(text)
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(algorithm))
        .map(|(_, value)| lower(value))
}

/// Every value, lower-cased.
pub(crate) fn all(text: &str) -> Vec<Cow<'_, str>> {
    let mut items = items(text);
    items.sort_by_key(|(name, _)| {
        ORDER.iter().position(|known| name.eq_ignore_ascii_case(known)).unwrap_or(ORDER.len())
    });
    items.into_iter().map(|(_, value)| lower(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_lower_cased_and_zeros_dropped() {
        let text = "SHA1=AB12,MD5=CD,SHA256=EF,IMPHASH=00000000000000000000000000000000";
        assert_eq!(one(text, "sha1").as_deref(), Some("ab12"));
        assert_eq!(one(text, "imphash"), None);
        assert_eq!(one(text, "sha512"), None);
        assert_eq!(all(text), ["ef", "ab12", "cd"]);
    }

    #[test]
    fn an_item_without_an_algorithm_voids_the_field() {
        for text in ["Unknown", "SHA1=AB,", "SHA1=AB,CD", ""] {
            assert!(all(text).is_empty(), "{text}");
            assert_eq!(one(text, "sha1"), None, "{text}");
        }
        assert_eq!(all("SHA1=A=B"), ["a=b"]);
    }
}
