//! The switches by which a user leaves Elastic's present mapping on purpose. Each is off by default and named in the output when on.

/// What to do differently from the integration as it stands today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// `host.name` is the lower-cased first label of System/Computer, as a live agent of today gives it, instead of the name verbatim.
    pub host_name_short: bool,
    /// `event.action` also carries the task text that older integrations left there (`Process Create (rule: ProcessCreate)`), and `start` on event 1.
    pub event_action_compat: bool,
    /// `user.id` is the acting user's SID where the event tells it (a LogonId or name of the system, local service or network service account)
    /// and missing elsewhere, instead of the SID of the Sysmon service.
    pub user_from_event: bool,
    /// Event 7 does not carry the type `start`, so that loading a library is no process start.
    pub no_library_start: bool,
    /// A `keyword` value of more than 1,024 UTF-16 units counts as missing, as in an index with `ignore_above`. The document still shows it.
    pub keyword_limit: bool,
}

impl Options {
    /// The names of the switches that are on, as the command line spells them.
    pub fn names(&self) -> Vec<&'static str> {
        let switches = [
            (self.host_name_short, "--host-name short"),
            (self.event_action_compat, "--event-action compat"),
            (self.user_from_event, "--user-from-event"),
            (self.no_library_start, "--no-library-start"),
            (self.keyword_limit, "--keyword-limit"),
        ];
        switches.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect()
    }
}
