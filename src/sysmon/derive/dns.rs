//! What a DNS query event says it got: QueryStatus and QueryResults. It resolves nothing.

use std::net::IpAddr;

/// DNS client statuses and their names in winerror.h, sorted by number.
const STATUSES: &str = include_str!("dns_status.tsv");

/// DNS record types by number (IANA; the two WINS types are Microsoft's).
const RECORD_TYPES: [(u32, &str); 60] = [
    (1, "A"),
    (2, "NS"),
    (3, "MD"),
    (4, "MF"),
    (5, "CNAME"),
    (6, "SOA"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (22, "NSAP"),
    (23, "NSAPPTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (30, "NXT"),
    (31, "EID"),
    (32, "NIMLOC"),
    (33, "SRV"),
    (34, "ATMA"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (38, "A6"),
    (39, "DNAME"),
    (40, "SINK"),
    (41, "OPT"),
    (43, "DS"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (100, "UINFO"),
    (101, "UID"),
    (102, "GID"),
    (103, "UNSPEC"),
    (248, "ADDRS"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "ANY"),
    (65281, "WINS"),
    (65282, "WINSR"),
];

/// The name of a DNS client status; an unknown number stays as it is.
pub(crate) fn status(number: &str) -> &str {
    let mut rows = STATUSES.lines().filter_map(|line| line.split_once('\t'));
    rows.find(|(known, _)| *known == number).map_or(number, |(_, name)| name)
}

/// The number of the status called `name`; what is no status's name stays as it is.
pub(crate) fn status_number(name: &str) -> &str {
    let mut rows = STATUSES.lines().filter_map(|line| line.split_once('\t'));
    rows.find(|(_, known)| *known == name).map_or(name, |(number, _)| number)
}

/// The number of the record type called `name`.
pub(crate) fn record_type_number(name: &str) -> Option<u32> {
    RECORD_TYPES.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// One answer of QueryResults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Answer<'a> {
    /// The record type's name; `None` for a number without one.
    pub(crate) kind: Option<&'static str>,
    /// A name or an address as text.
    pub(crate) data: Option<&'a str>,
}

/// The records of `results` that name a type (`type:  5 host`), in order. A record whose data holds blanks keeps its type only.
pub(crate) fn records(results: &str) -> impl Iterator<Item = Answer<'_>> {
    items(results).filter(|item| item.starts_with("type:")).filter_map(|item| {
        let mut words = item.split_whitespace().skip(1);
        let number = words.next()?;
        let data = words.next().filter(|_| words.next().is_none());
        Some(Answer { kind: record_type(number), data })
    })
}

/// The addresses in `results`, in order, duplicates kept; an IPv4-mapped one as IPv4, other text as written. What is no address is left out.
pub(crate) fn addresses(results: &str) -> impl Iterator<Item = &str> {
    items(results)
        .filter(|item| !item.starts_with("type:"))
        .map(|item| unmapped(item).unwrap_or(item))
        .filter(|item| item.parse::<IpAddr>().is_ok())
}

/// Records, then addresses as `A` and `AAAA` records: `dns.answers`.
pub(crate) fn answers(results: &str) -> impl Iterator<Item = Answer<'_>> {
    let addresses = addresses(results)
        .map(|data| Answer { kind: Some(if data.contains(':') { "AAAA" } else { "A" }), data: Some(data) });
    records(results).chain(addresses)
}

fn items(results: &str) -> impl Iterator<Item = &str> {
    results.split(';').filter(|item| !item.is_empty())
}

fn record_type(number: &str) -> Option<&'static str> {
    let number: u32 = number.parse().ok()?;
    RECORD_TYPES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// `a.b.c.d` out of `::ffff:a.b.c.d`, `[::ffff:a.b.c.d]` and `[::ffff:a.b.c.d]:port`.
fn unmapped(item: &str) -> Option<&str> {
    let rest = item.strip_prefix('[').unwrap_or(item).strip_prefix("::ffff:")?;
    let (address, port) = rest.split_once(']').unwrap_or((rest, ""));
    let port_is_plain = match port.strip_prefix(':') {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    };
    let dotted = address.contains('.') && address.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (port_is_plain && dotted).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_hold_records_and_addresses() {
        let results = "type:  5 a.example.net;type:  5 b.example.net;::ffff:192.0.2.1;::ffff:192.0.2.1;2001:db8:0:0:0:0:0:1;";
        let all: Vec<_> =
            answers(results).map(|answer| (answer.kind.unwrap_or(""), answer.data.unwrap_or(""))).collect();
        let expected = [
            ("CNAME", "a.example.net"),
            ("CNAME", "b.example.net"),
            ("A", "192.0.2.1"),
            ("A", "192.0.2.1"),
            ("AAAA", "2001:db8:0:0:0:0:0:1"),
        ];
        assert_eq!(all, expected);
        assert_eq!(addresses(results).count(), 3);
    }

    #[test]
    fn odd_results_keep_what_can_be_read() {
        let one = |results| answers(results).map(|answer| (answer.kind, answer.data)).collect::<Vec<_>>();
        assert_eq!(one("type:  6 "), [(Some("SOA"), None)]);
        assert_eq!(one("type: 16 v=spf1 -all"), [(Some("TXT"), None)]);
        assert_eq!(one("type: 4711 x"), [(None, Some("x"))]);
        assert_eq!(one("type:;;junk; 192.0.2.1"), []);
        assert_eq!(one("192.0.2.9"), [(Some("A"), Some("192.0.2.9"))]);
        assert_eq!(
            one("[::ffff:192.0.2.2]:53;[::ffff:192.0.2.3];::ffff:192.0.2.4:53"),
            [(Some("A"), Some("192.0.2.2")), (Some("A"), Some("192.0.2.3")),]
        );
        assert_eq!(one("::1"), [(Some("AAAA"), Some("::1"))]);
    }

    #[test]
    fn statuses_have_names_where_windows_gives_one() {
        assert_eq!(status("0"), "SUCCESS");
        assert_eq!(status("9003"), "DNS_ERROR_RCODE_NAME_ERROR");
        assert_eq!(status("9701"), "DNS_ERROR_RECORD_DOES_NOT_EXIST");
        assert_eq!(status("10060"), "WSAETIMEDOUT");
        assert_eq!(status("87"), "87");
    }
}
