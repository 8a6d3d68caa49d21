//! The stories behind `samples/`, one function each. They say what must come out; nothing here asks evql.

mod every;
mod evidence;
mod kin;
mod programs;

use super::story::Story;

/// All stories, in the order of the samples' README.
pub fn stories() -> Vec<Story> {
    vec![
        programs::mshta(),
        programs::regsvr32(),
        programs::msiexec(),
        programs::msbuild(),
        programs::wscript(),
        programs::maxspan(),
        programs::beacon(),
        programs::hostile_text(),
        evidence::rotated(),
        evidence::rolled_over(),
        evidence::duplicates(),
        evidence::inverted(),
        evidence::foreign_provider(),
        evidence::zero_guid(),
        evidence::old_layout(),
        evidence::new_layout(),
        evidence::forwarded(),
        evidence::smashed_chunk(),
        evidence::truncated(),
        evidence::dirty_log(),
        kin::excluded_name(),
        kin::kin(),
        every::every_event(),
    ]
}
