//! How a part of a data text becomes a value: one small module per kind of text. It knows neither events nor ECS paths.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::eql::{Scalar, Value};
use crate::time::Timestamp;

pub(super) mod args;
pub(super) mod community;
pub(super) mod dns;
mod domain;
mod hashes;
pub(super) mod path;
mod registry;

/// Which part of a data text an ECS field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The text itself.
    Text,
    /// A decimal number.
    Number,
    /// A Sysmon time, `yyyy-MM-dd HH:mm:ss.SSS`.
    Timestamp,
    /// After the last backslash of a path.
    PathName,
    /// Before the last backslash of a path.
    PathDirectory,
    /// After the last dot of a path that has a backslash.
    PathExtension,
    /// A command line's arguments.
    Args,
    /// How many arguments a command line has.
    ArgsCount,
    /// The first half of `DOMAIN\name`.
    UserDomain,
    /// The second half of `DOMAIN\name`.
    UserName,
    /// One algorithm's value, lower-case, of `ALG=HEX,…`.
    Hash(&'static str),
    /// Every value of `ALG=HEX,…`.
    Hashes,
    /// An IP address, as written.
    Address,
    /// `egress` for `true`, `ingress` for `false`.
    Direction,
    /// `ipv6` for `true`, `ipv4` for `false`.
    NetworkType,
    /// Whether the text is `true`.
    IsTrue,
    /// `true` or `false`, nothing else.
    TrueOrFalse,
    /// True for `Valid`, else nothing.
    IsValid,
    /// The hive's short name.
    RegistryHive,
    /// The path below the hive, value name included.
    RegistryKey,
    /// The path's last element.
    RegistryValue,
    /// A value's data as text.
    RegistryData,
    /// A value's type.
    RegistryType,
    /// The registrable domain of a DNS name.
    RegisteredDomain,
    /// What stands before the registrable domain.
    Subdomain,
    /// The public suffix.
    TopLevelDomain,
    /// The name of a DNS client status.
    DnsStatus,
    /// The data of DNS answers.
    AnswerData,
    /// The types of DNS answers.
    AnswerTypes,
    /// The addresses in DNS answers.
    ResolvedAddresses,
    /// Something that takes several data of the event.
    Joint(Joint),
}

impl Part {
    /// Whether it may be more than one value.
    pub(super) fn may_give_many(self) -> bool {
        matches!(
            self,
            Self::Args
                | Self::Hashes
                | Self::AnswerData
                | Self::AnswerTypes
                | Self::ResolvedAddresses
                | Self::Joint(Joint::Hosts)
        )
    }
}

/// What several data of one event give together, whichever of them are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// The name of the destination's port, or else of the source's.
    PortName,
    /// Community ID v1 of the connection.
    CommunityId,
    /// A loaded library's verdict from Signed and SignatureStatus.
    LibraryStatus,
    /// The names in DNS answers, then the name asked for.
    Hosts,
}

/// `part` of `text`, missing when the text does not have it. A [`Part::Joint`] is not to be had from one text.
pub(super) fn single<'a>(part: Part, text: &'a str) -> Value<'a> {
    match part {
        Part::Text => string(Some(text)),
        Part::Number => text.parse().map_or(Value::Missing, |number| Value::One(Scalar::Int(number))),
        Part::Timestamp => date(Timestamp::parse(text)),
        Part::PathName => string(path::name(text)),
        Part::PathDirectory => string(path::directory(text)),
        Part::PathExtension => string(path::extension(text)),
        Part::Args => owned(args::split(text)),
        Part::ArgsCount => i64::try_from(args::split(text).len())
            .map_or(Value::Missing, |count| Value::One(Scalar::Int(count))),
        Part::UserDomain => {
            string(path::account(text).map(|(domain, _)| domain).filter(|domain| !domain.is_empty()))
        }
        Part::UserName => string(path::account(text).map(|(_, name)| name)),
        Part::Hash(algorithm) => cow(hashes::one(text, algorithm)),
        Part::Hashes => Value::from_vec(hashes::all(text).into_iter().map(Scalar::Str).collect()),
        Part::Address => string(text.parse::<IpAddr>().is_ok().then_some(text)),
        Part::Direction => {
            string(boolean(text).map(|initiated| if initiated { "egress" } else { "ingress" }))
        }
        Part::NetworkType => string(boolean(text).map(|six| if six { "ipv6" } else { "ipv4" })),
        Part::IsTrue => Value::One(Scalar::Bool(text == "true")),
        Part::TrueOrFalse => boolean(text).map_or(Value::Missing, |value| Value::One(Scalar::Bool(value))),
        Part::IsValid if text == "Valid" => Value::One(Scalar::Bool(true)),
        Part::RegistryHive => string(registry::hive(text)),
        Part::RegistryKey => string(registry::key(text)),
        Part::RegistryValue => string(registry::value(text)),
        Part::RegistryData => cow(Some(registry::Data::parse(text).into_text())),
        Part::RegistryType => string(Some(registry::Data::parse(text).kind())),
        Part::RegisteredDomain => {
            cow(domain::parse(text).and_then(|domain| domain.registered).map(Cow::Owned))
        }
        Part::Subdomain => string(domain::parse(text).and_then(|domain| domain.subdomain)),
        Part::TopLevelDomain => cow(domain::parse(text).map(|domain| Cow::Owned(domain.suffix))),
        Part::DnsStatus => string(Some(dns::status(text))),
        Part::AnswerData => strings(dns::answers(text).filter_map(|answer| answer.data)),
        Part::AnswerTypes => strings(dns::answers(text).filter_map(|answer| answer.kind)),
        Part::ResolvedAddresses => strings(dns::addresses(text)),
        Part::IsValid | Part::Joint(_) => Value::Missing,
    }
}

/// A string value, or missing.
pub(super) fn string(text: Option<&str>) -> Value<'_> {
    Value::from_str_opt(text)
}

/// A string value that may have had to be made, or missing.
pub(super) fn cow(text: Option<Cow<'_, str>>) -> Value<'_> {
    text.map_or(Value::Missing, |text| Value::One(Scalar::Str(text)))
}

/// String values, or missing when there is none.
pub(super) fn strings<'a>(texts: impl Iterator<Item = &'a str>) -> Value<'a> {
    Value::from_vec(texts.map(|text| Scalar::Str(Cow::Borrowed(text))).collect())
}

/// A date as Elasticsearch keeps it, in whole milliseconds, or missing.
pub(super) fn date(time: Option<Timestamp>) -> Value<'static> {
    time.map_or(Value::Missing, |time| Value::One(Scalar::Date(time.truncated_to_millis())))
}

/// `true` and `false`, as the event log renders booleans.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// `text` in lower case, copied only when it has to be.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    if text.chars().any(char::is_uppercase) { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

fn owned(texts: Vec<String>) -> Value<'static> {
    Value::from_vec(texts.into_iter().map(|text| Scalar::Str(Cow::Owned(text))).collect())
}
