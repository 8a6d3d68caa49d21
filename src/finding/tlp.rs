//! The Traffic Light Protocol: who may read a report. It enforces nothing.
//!
//! Facts: FIRST, Traffic Light Protocol, version 2.0 (2022).

/// A marking of TLP 2.0, from the freest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tlp {
    /// No limit on disclosure.
    Clear,
    /// The community.
    Green,
    /// Those in the organization and its clients who need to know.
    Amber,
    /// Those in the organization who need to know.
    AmberStrict,
    /// Only those named.
    Red,
}

impl Tlp {
    /// The word used on the command line and in `run.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::AmberStrict => "amber+strict",
            Self::Red => "red",
        }
    }

    /// The label as the standard spells it: `TLP:AMBER+STRICT`.
    pub fn label(self) -> String {
        format!("TLP:{}", self.as_str().to_uppercase())
    }

    /// The first word, which names the colour.
    pub fn color(self) -> &'static str {
        self.as_str().split('+').next().unwrap_or_default()
    }
}
