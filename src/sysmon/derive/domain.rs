//! The registrable domain of a DNS name, as Elasticsearch's `registered_domain` processor finds it. It queries nothing: the public suffix list is built in.

use psl::{Psl, Type};

use super::lower;

/// A name around its public suffix.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Domain<'a> {
    /// The registrable domain, lower-case; `None` when the name is itself a suffix.
    pub(crate) registered: Option<String>,
    /// What stands before it, as written.
    pub(crate) subdomain: Option<&'a str>,
    /// The public suffix, lower-case.
    pub(crate) suffix: String,
}

/// Takes `name` apart. `None` for a single label outside the list and for a name under no known suffix (`.local`).
///
/// A suffix of the list's PRIVATE section counts as a registered domain of its own (`global.ssl.fastly.net`), which is the processor's reading.
pub(crate) fn parse(name: &str) -> Option<Domain<'_>> {
    let lowered = lower(name);
    let suffix = known_suffix(&lowered)?;
    let registered = match suffix.1 {
        Type::Private => suffix.0,
        Type::Icann => match label_before(&lowered, suffix.0) {
            Some(registered) => registered,
            None => return Some(Domain { suffix: suffix.0.to_owned(), ..Domain::default() }),
        },
    };
    let (_, top_level) = registered.split_once('.')?;
    let subdomain =
        name.strip_suffix(registered).and_then(|head| head.strip_suffix('.')).filter(|head| !head.is_empty());
    Some(Domain { registered: Some(registered.to_owned()), subdomain, suffix: top_level.to_owned() })
}

/// The longest suffix of the list that ends `name`, and which section it stands in.
fn known_suffix(name: &str) -> Option<(&str, Type)> {
    if name.starts_with('.') || name.ends_with('.') {
        return None;
    }
    let info = psl::List.find(name.rsplit('.').map(str::as_bytes));
    let start = name.len().checked_sub(info.len)?;
    Some((name.get(start..)?, info.typ?))
}

/// `suffix` with the one label before it, out of `name`.
fn label_before<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let head = name.strip_suffix(suffix)?.strip_suffix('.')?;
    let start = head.rfind('.').map_or(0, |dot| dot.saturating_add(1));
    name.get(start..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart_at_the_public_suffix() {
        let table = [
            ("www.example.com", Some("example.com"), Some("www"), Some("com")),
            ("a.b.example.co.uk", Some("example.co.uk"), Some("a.b"), Some("co.uk")),
            ("example.com", Some("example.com"), None, Some("com")),
            ("x.global.ssl.fastly.net", Some("global.ssl.fastly.net"), Some("x"), Some("ssl.fastly.net")),
            ("a.b.github.io", Some("github.io"), Some("a.b"), Some("io")),
            (
                "x.eu-1.compute.amazonaws.com",
                Some("eu-1.compute.amazonaws.com"),
                Some("x"),
                Some("compute.amazonaws.com"),
            ),
            ("a.www.ck", Some("www.ck"), Some("a"), Some("ck")),
            ("a.b.c.ck", Some("b.c.ck"), Some("a"), Some("c.ck")),
            ("pc01", None, None, None),
            ("pc01.example.local", None, None, None),
            ("co.uk", None, None, Some("co.uk")),
            ("WWW.Example.COM", Some("example.com"), None, Some("com")),
            ("WWW.example.com", Some("example.com"), Some("WWW"), Some("com")),
            ("", None, None, None),
            (".", None, None, None),
            ("example.com.", None, None, None),
        ];
        for (name, registered, subdomain, suffix) in table {
            let domain = parse(name);
            assert_eq!(domain.as_ref().and_then(|domain| domain.registered.as_deref()), registered, "{name}");
            assert_eq!(domain.as_ref().and_then(|domain| domain.subdomain), subdomain, "{name}");
            assert_eq!(domain.as_ref().map(|domain| domain.suffix.as_str()), suffix, "{name}");
        }
    }
}
