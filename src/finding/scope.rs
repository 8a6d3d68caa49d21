//! Where an address belongs: public, or one of the blocks set aside. It does not look anything up.
//!
//! Facts: IANA's IPv4 and IPv6 Special-Purpose Address Registries and Multicast registries (RFC 6890 and its updates), as of 2025-01-01.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of block an address lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Reachable over the internet as far as the registries know.
    Public,
    /// RFC 1918, RFC 6598 (carrier NAT), RFC 4193 (unique local).
    Private,
    /// 127.0.0.0/8, ::1.
    Loopback,
    /// 169.254.0.0/16, fe80::/10.
    LinkLocal,
    /// 224.0.0.0/4, ff00::/8.
    Multicast,
    /// Examples in texts: RFC 5737, RFC 3849, RFC 9637.
    Documentation,
    /// Set aside for anything else: unspecified, benchmarking, protocol assignments, future use, broadcast.
    Reserved,
}

impl Scope {
    /// The word used in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link_local",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation",
            Self::Reserved => "reserved",
        }
    }

    /// The scope of the address `text` writes; `None` when it writes none. An IPv4-mapped address has its IPv4 address's scope.
    pub fn of(text: &str) -> Option<Self> {
        let address: IpAddr = text.trim().parse().ok()?;
        Some(match address.to_canonical() {
            IpAddr::V4(v4) => first_match(V4, u32::from(v4), |&(net, bits)| {
                (u32::from(net), u32::MAX.unbounded_shl(32 - bits))
            }),
            IpAddr::V6(v6) => first_match(V6, u128::from(v6), |&(net, bits)| {
                (u128::from(net), u128::MAX.unbounded_shl(128 - bits))
            }),
        })
    }
}

/// Network address, prefix length, scope; the first that holds the address counts.
type Table<A> = &'static [((A, u32), Scope)];

const V4: Table<Ipv4Addr> = &[
    ((Ipv4Addr::new(10, 0, 0, 0), 8), Scope::Private),
    ((Ipv4Addr::new(172, 16, 0, 0), 12), Scope::Private),
    ((Ipv4Addr::new(192, 168, 0, 0), 16), Scope::Private),
    ((Ipv4Addr::new(100, 64, 0, 0), 10), Scope::Private),
    ((Ipv4Addr::new(127, 0, 0, 0), 8), Scope::Loopback),
    ((Ipv4Addr::new(169, 254, 0, 0), 16), Scope::LinkLocal),
    ((Ipv4Addr::new(224, 0, 0, 0), 4), Scope::Multicast),
    ((Ipv4Addr::new(192, 0, 2, 0), 24), Scope::Documentation),
    ((Ipv4Addr::new(198, 51, 100, 0), 24), Scope::Documentation),
    ((Ipv4Addr::new(203, 0, 113, 0), 24), Scope::Documentation),
    ((Ipv4Addr::new(192, 0, 0, 9), 32), Scope::Public),
    ((Ipv4Addr::new(192, 0, 0, 10), 32), Scope::Public),
    ((Ipv4Addr::new(0, 0, 0, 0), 8), Scope::Reserved),
    ((Ipv4Addr::new(192, 0, 0, 0), 24), Scope::Reserved),
    ((Ipv4Addr::new(198, 18, 0, 0), 15), Scope::Reserved),
    ((Ipv4Addr::new(240, 0, 0, 0), 4), Scope::Reserved),
];

const V6: Table<Ipv6Addr> = &[
    ((Ipv6Addr::LOCALHOST, 128), Scope::Loopback),
    ((Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10), Scope::LinkLocal),
    ((Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7), Scope::Private),
    ((Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8), Scope::Multicast),
    ((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), Scope::Documentation),
    ((Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), Scope::Documentation),
    ((Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96), Scope::Public),
    ((Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32), Scope::Public),
    ((Ipv6Addr::new(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28), Scope::Public),
    ((Ipv6Addr::new(0x2001, 0x30, 0, 0, 0, 0, 0, 0), 28), Scope::Public),
    ((Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), Scope::Reserved),
    ((Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3), Scope::Public),
    ((Ipv6Addr::UNSPECIFIED, 0), Scope::Reserved),
];

fn first_match<A, N>(table: Table<A>, address: N, mask: impl Fn(&(A, u32)) -> (N, N)) -> Scope
where
    N: Copy + PartialEq + std::ops::BitAnd<Output = N>,
{
    let holds = |block: &(A, u32)| {
        let (net, mask) = mask(block);
        address & mask == net & mask
    };
    table.iter().find(|(block, _)| holds(block)).map_or(Scope::Public, |&(_, scope)| scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_block_is_known_at_its_edges() {
        for (text, scope) in [
            ("8.8.8.8", Scope::Public),
            ("10.255.255.255", Scope::Private),
            ("11.0.0.0", Scope::Public),
            ("172.15.255.255", Scope::Public),
            ("172.16.0.0", Scope::Private),
            ("172.31.255.255", Scope::Private),
            ("172.32.0.0", Scope::Public),
            ("100.64.0.1", Scope::Private),
            ("127.0.0.1", Scope::Loopback),
            ("169.254.1.1", Scope::LinkLocal),
            ("224.0.0.251", Scope::Multicast),
            ("239.255.255.255", Scope::Multicast),
            ("203.0.113.7", Scope::Documentation),
            ("198.19.255.255", Scope::Reserved),
            ("255.255.255.255", Scope::Reserved),
            ("0.0.0.0", Scope::Reserved),
            ("::1", Scope::Loopback),
            ("0:0:0:0:0:0:0:1", Scope::Loopback),
            ("::", Scope::Reserved),
            ("fe80:0:0:0:616f:1:2:3", Scope::LinkLocal),
            ("fd00::1", Scope::Private),
            ("ff02::fb", Scope::Multicast),
            ("2001:db8::1", Scope::Documentation),
            ("2606:4700::1111", Scope::Public),
            ("2001:2::1", Scope::Reserved),
            ("::ffff:10.0.0.1", Scope::Private),
            ("4000::1", Scope::Reserved),
        ] {
            assert_eq!(Scope::of(text), Some(scope), "{text}");
        }
        assert_eq!(Scope::of("evil.example"), None);
        assert_eq!(Scope::of(""), None);
    }
}
