//! Hits in order → sequences. It knows EQL's programs, not Sysmon.
