//! The form in which a stream is written: lines, or rows of Arrow where this build has them. What stands in it is none of its business.

use std::io::Write;

use evql::error::{Error, Result};

use super::args::RecordsForm;
use super::export::Target;

/// That this build writes the `form`.
///
/// # Errors
/// [`Error::Usage`] when it does not.
pub fn check(form: RecordsForm) -> Result<()> {
    if cfg!(not(feature = "parquet")) && form == RecordsForm::Arrow {
        return Err(Error::Usage(
            "this evql was built without Arrow; build one that has it: cargo install --path . --features parquet"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Lets `write` write lines, which arrive at `target` in the `form`, and returns what it gives. Of what it says not to be whole, a stream of Arrow has no end.
///
/// # Errors
/// What `write` says, and as [`Target::write`].
pub fn write<T>(
    target: &Target<'_>,
    form: RecordsForm,
    write: impl FnOnce(&mut (dyn Write + Send)) -> Result<(T, bool)>,
) -> Result<T> {
    target.write(|out| match form {
        #[cfg(feature = "parquet")]
        RecordsForm::Arrow => {
            let mut rows = evql::scan::stream::ArrowWriter::new(out)?;
            let (written, whole) = write(&mut rows)?;
            if whole {
                rows.finish()?;
            }
            Ok((written, whole))
        }
        _ => write(out),
    })
}
