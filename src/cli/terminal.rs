//! What a person at a terminal sees: the progress bar, the notes and the colours. It decides nothing and writes no output file.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use evql::error::{Error, Result};
use evql::report::escape;
use evql::scan::Observer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::ColorChoice;

/// How to speak to the person who started evql.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    quiet: bool,
}

impl Terminal {
    /// `quiet` leaves only errors. Colour follows `color`, `NO_COLOR` and what each stream is.
    pub fn new(quiet: bool, color: ColorChoice) -> Self {
        match color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        }
        .write_global();
        Self { quiet }
    }

    /// A line on standard error, unless quiet.
    pub fn note(self, line: impl Display) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }

    /// The line that says the most, unless quiet.
    pub fn headline(self, line: impl Display) {
        let style = Style::new().bold();
        self.note(format_args!("{style}{line}{style:#}"));
    }

    /// A line about something wrong, quiet or not.
    pub fn warning(self, line: impl Display) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        let _ = writeln!(anstream::stderr(), "{style}warning{style:#}: {line}");
    }

    /// A line about what ends the run.
    pub fn error(self, line: impl Display) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {line}");
    }

    /// A rendered diagnostic of a rule or query, which says itself what it is.
    pub fn problem(self, text: &str) {
        let _ = write!(anstream::stderr(), "{text}");
    }

    /// A progress bar over `bytes` of evidence: on standard error, only when that is a terminal and nobody asked for quiet.
    pub fn progress(self, files: usize, bytes: u64) -> Progress {
        let hidden = self.quiet || !std::io::stderr().is_terminal();
        let target =
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        let template = "{spinner} {bytes}/{total_bytes} {wide_bar} {bytes_per_sec}, {eta} left, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        let progress = Progress { bar, files, read: AtomicU64::new(0), hits: AtomicU64::new(0) };
        progress.say();
        progress
    }
}

/// The progress bar as the scan's observer.
pub struct Progress {
    bar: ProgressBar,
    files: usize,
    read: AtomicU64,
    hits: AtomicU64,
}

impl Progress {
    /// The bar itself, for what must not be drawn over.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn say(&self) {
        let (read, hits) = (self.read.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed));
        self.bar.set_message(format!("{read}/{} files, {hits} hits", self.files));
    }
}

impl Observer for Progress {
    fn bytes_read(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn source_read(&self) {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.say();
    }

    fn hits(&self, count: u64) {
        self.hits.fetch_add(count, Ordering::Relaxed);
        self.say();
    }
}

/// How many columns the terminal has; 120 where there is none.
pub fn width() -> u16 {
    terminal_size::terminal_size().map_or(120, |(width, _)| width.0)
}

/// Text from a log, fit for a terminal: no control character, no escape sequence, no bidi trick, at most `width` characters.
pub fn fit(text: &str, width: usize) -> String {
    let safe = escape::terminal(text);
    if safe.chars().count() <= width {
        return safe.into_owned();
    }
    let kept: String = safe.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// [`fit`] for a path: what it keeps of a long one is its end.
pub fn fit_end(text: &str, width: usize) -> String {
    let safe = escape::terminal(text);
    let over = safe.chars().count().saturating_sub(width);
    if over == 0 {
        return safe.into_owned();
    }
    format!("…{}", safe.chars().skip(over + 1).collect::<String>())
}

/// Writes `text` to standard output.
///
/// # Errors
/// [`Error::ClosedPipe`] when nobody reads it any more, [`Error::Output`] otherwise.
pub fn write_stdout(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Error::output("standard output", error))
}
