//! Addresses and blocks of addresses in queries. It resolves no names.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

/// A block such as `10.0.0.0/8`, or a single address, which means itself; `None` when it is neither. An IPv4-mapped IPv6 block of 96 bits or more is
/// held as IPv4, the way record values are.
pub fn parse_block(text: &str) -> Option<IpNet> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(IpNet::from(ip.to_canonical()));
    }
    match text.parse::<IpNet>().ok()? {
        IpNet::V6(block) => Some(unmapped(block)),
        block => Some(block),
    }
}

fn unmapped(block: Ipv6Net) -> IpNet {
    let length = block.prefix_len().checked_sub(96);
    match (block.addr().to_ipv4_mapped(), length) {
        (Some(v4), Some(length)) => ipnet::Ipv4Net::new(v4, length).map_or(IpNet::V6(block), IpNet::V4),
        _ => IpNet::V6(block),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_addresses() {
        let inside = |block: &str, ip: &str| {
            parse_block(block)
                .expect("a block")
                .contains(&ip.parse::<IpAddr>().expect("an address").to_canonical())
        };
        assert!(inside("10.6.48.157/8", "10.1.2.3"));
        assert!(inside("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(inside("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(inside("0:0:0:0:0:0:0:1", "::1"));
        assert!(!inside("2001:db8::/32", "2001:db9::1"));
        assert!(parse_block("10.0.0.0/33").is_none() && parse_block("x").is_none());
    }
}
