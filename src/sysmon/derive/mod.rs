//! How a part of a data text becomes a value.

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
    /// The name of the destination's port or else of the source's, from two data of the event.
    PortName,
    /// Community ID v1 of the connection, from five data of the event.
    CommunityId,
    /// Whether the text is `true`.
    IsTrue,
    /// `true` or `false`, nothing else.
    TrueOrFalse,
    /// True for `Valid`, else nothing.
    IsValid,
    /// A loaded library's verdict from Signed and SignatureStatus.
    LibraryStatus,
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
    /// The names in DNS answers.
    AnswerHosts,
    /// The addresses in DNS answers.
    ResolvedAddresses,
}
