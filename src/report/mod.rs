//! Findings → bytes. It decides nothing about what a finding is and reads no log.
