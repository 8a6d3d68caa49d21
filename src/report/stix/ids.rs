//! Identifiers of STIX objects: UUIDs of version 5 (RFC 9562, 5.5), so that the same finding has the same identifier in every run. It makes no object.

use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

/// The namespace of cyber-observable objects (STIX 2.1, 2.9).
const OBSERVABLES: u128 = 0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7;

/// evql's own namespace, for objects that STIX gives no way to derive an identifier for. A random number.
const OWN: u128 = 0x93220e2afbb24bb7942218840d7298a4;

/// The identifier of a cyber-observable of `kind` by its properties that contribute to it (STIX 2.1, chapter 6), which `properties` may have others beside.
pub(super) fn observable(kind: &str, properties: &Map<String, Value>) -> String {
    let contributing = match kind {
        "file" => &["hashes", "name", "parent_directory_ref"][..],
        "directory" => &["path"],
        "network-traffic" => &["start", "src_ref", "dst_ref", "src_port", "dst_port", "protocols"],
        "user-account" => &["account_login"],
        _ => &["value"],
    };
    let value = |name: &&str| {
        let value = properties.get(*name)?;
        let value = if *name == "hashes" { one_hash(value)? } else { value.clone() };
        Some(((*name).to_owned(), value))
    };
    identifier(kind, OBSERVABLES, &Value::Object(contributing.iter().filter_map(value).collect()))
}

/// The identifier of any other object of `kind`, by what makes it that one.
pub(super) fn own(kind: &str, content: &Value) -> String {
    identifier(kind, OWN, content)
}

/// Of several hashes one contributes: the first of MD5, SHA-1 and SHA-256 (STIX 2.1, 2.9).
fn one_hash(hashes: &Value) -> Option<Value> {
    let (name, hash) =
        ["MD5", "SHA-1", "SHA-256"].iter().find_map(|name| Some((*name, hashes.get(name)?.clone())))?;
    Some(Value::Object(Map::from_iter([(name.to_owned(), hash)])))
}

/// `content` is put into canonical form (RFC 8785): keys sorted, no spaces. serde_json escapes text as that does, and numbers here are whole.
fn identifier(kind: &str, namespace: u128, content: &Value) -> String {
    let mut content = content.clone();
    content.sort_all_objects();
    let text = match namespace {
        OBSERVABLES => content.to_string(),
        // No two objects of one producer may share a UUID (STIX 2.1, 2.9), whatever their kinds.
        _ => format!("{kind} {content}"),
    };
    format!("{kind}--{}", uuid(namespace, text.as_bytes()))
}

/// UUID of version 5: SHA-1 over namespace and name, cut to 128 bits, with version and variant put in.
fn uuid(namespace: u128, name: &[u8]) -> String {
    let hash = Sha1::new().chain_update(namespace.to_be_bytes()).chain_update(name).finalize();
    let bits = hash.iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x5 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    let (a, rest) = digits.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// RFC 9562, A.4: `www.example.com` in the namespace of DNS.
    #[test]
    fn a_uuid_is_that_of_the_rfc() {
        let dns = 0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8;
        assert_eq!(uuid(dns, b"www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }

    /// As OASIS's own library, the Python package stix2 3.0.2, derives them.
    #[test]
    fn observables_have_the_identifiers_that_others_derive() {
        let hashes = json!({
            "SHA-1": "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12", "MD5": "9e107d9d372bb6826bd81d3542a419d6",
        });
        for (kind, properties, uuid) in [
            ("ipv4-addr", json!({"value": "198.51.100.3"}), "28bb3599-77cd-5a82-a950-b5bc3caf07c4"),
            ("domain-name", json!({"value": "example.com"}), "bedb4899-d24b-5401-bc86-8f6b4cc18ec7"),
            ("file", json!({"name": "foo.dll", "hashes": hashes}), "1207e36f-9b4b-546e-a6ab-23da7351d25c"),
        ] {
            let properties = properties.as_object().expect("an object");
            assert_eq!(observable(kind, properties), format!("{kind}--{uuid}"));
        }
    }

    #[test]
    fn objects_of_two_kinds_never_share_a_uuid() {
        let uuid =
            |kind: &str| own(kind, &json!({"name": "x"})).split_once("--").expect("two parts").1.to_owned();
        assert_ne!(uuid("identity"), uuid("grouping"));
    }
}
