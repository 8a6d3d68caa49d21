//! Community ID v1 of a connection, seed 0 (<https://github.com/corelight/community-id-spec>), for TCP, UDP and SCTP. ICMP, which Sysmon does not log, is left out.

use std::net::IpAddr;

use sha1::{Digest, Sha1};

/// The id of the connection between two ends, the same whichever end is named first. `None` for another transport or for ends of different families.
pub(crate) fn community_id(
    transport: &str,
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
) -> Option<String> {
    let protocol = protocol_number(transport)?;
    if source.0.is_ipv4() != destination.0.is_ipv4() {
        return None;
    }
    let (low, high) = if source <= destination { (source, destination) } else { (destination, source) };
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    hash.update(octets(low.0));
    hash.update(octets(high.0));
    hash.update([protocol, 0]);
    hash.update(low.1.to_be_bytes());
    hash.update(high.1.to_be_bytes());
    Some(format!("1:{}", base64(&hash.finalize())))
}

/// IANA's number.
fn protocol_number(transport: &str) -> Option<u8> {
    const NUMBERS: [(&str, u8); 3] = [("tcp", 6), ("udp", 17), ("sctp", 132)];
    NUMBERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(transport)).map(|(_, number)| *number)
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// Standard base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0_u32, |bits, index| (bits << 8) | u32::from(group.get(index).copied().unwrap_or(0)));
        for position in 0..4_usize {
            let shift = 18_usize.saturating_sub(position.saturating_mul(6));
            let sextet = usize::try_from((bits >> shift) & 63).unwrap_or(0);
            let known = position <= group.len();
            text.push(if known { ALPHABET.get(sextet).copied().map_or('=', char::from) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(address: &str, port: u16) -> (IpAddr, u16) {
        (address.parse().expect("an address"), port)
    }

    /// Expected values: the specification's own baseline.
    #[test]
    fn the_specifications_examples_hold() {
        let (client, server) = (end("128.232.110.120", 34855), end("66.35.250.204", 80));
        let expected = Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=".to_owned());
        assert_eq!(community_id("tcp", client, server), expected);
        assert_eq!(community_id("TCP", server, client), expected);
        let (client, server) = (end("192.168.1.52", 54585), end("8.8.8.8", 53));
        assert_eq!(community_id("udp", client, server).as_deref(), Some("1:d/FP5EW3wiY1vCndhwleRRKHowQ="));
        assert_eq!(community_id("icmp", client, server), None);
        assert_eq!(community_id("tcp", client, end("::1", 1)), None);
    }

    #[test]
    fn base64_pads_as_the_rfc_shows() {
        let table = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in table {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
