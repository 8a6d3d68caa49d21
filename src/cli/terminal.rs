//! What a person at a terminal sees: the progress bar, the notes and the colours. It decides nothing and writes no output file.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use evql::error::{Error, Result};
use evql::report::escape;
use evql::scan::Observer;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

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

    /// A sentence on standard error, unless quiet: broken at spaces where that is a terminal, else a line, which is easier to search.
    pub fn sentence(self, text: &str) {
        match std::io::stderr().is_terminal() {
            true => self.note(wrapped(text, usize::from(width()))),
            false => self.note(text),
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

    /// How far a run over `bytes` of evidence is, on standard error unless quiet: a bar where that is a terminal, else a line each minute.
    pub fn progress(self, bytes: u64) -> Progress {
        let is_terminal = std::io::stderr().is_terminal();
        let target = match is_terminal && !self.quiet {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        let template = "{spinner} {bytes}/{total_bytes} {wide_bar} {bytes_per_sec}, {eta} left, {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        let lines =
            (!is_terminal && !self.quiet).then(|| Lines { terminal: self, next: AtomicU64::new(LINE_EVERY) });
        Progress { bar, lines, sources: AtomicU64::new(0), hits: AtomicU64::new(0) }
    }
}

/// Seconds between two lines of progress where there is no terminal.
const LINE_EVERY: u64 = 60;

/// How far a run is, as its observer.
pub struct Progress {
    bar: ProgressBar,
    lines: Option<Lines>,
    sources: AtomicU64,
    hits: AtomicU64,
}

/// Lines in place of a bar.
struct Lines {
    terminal: Terminal,
    /// When the next one is due, in seconds from the beginning.
    next: AtomicU64,
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

    /// What was read besides bytes, and what came of it. Findings of sequences are known at the end only.
    fn message(&self) -> String {
        let (sources, hits) = (self.sources.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed));
        let hits = if hits == 0 { String::new() } else { format!(", {hits} hits") };
        format!("{sources} sources{hits}")
    }

    /// The line that is due after `seconds`, if one is.
    fn line(&self, seconds: u64) -> Option<String> {
        let next = &self.lines.as_ref()?.next;
        let due = next.load(Ordering::Relaxed);
        let later = seconds.saturating_add(LINE_EVERY);
        // Of several threads one says it.
        let mine =
            seconds >= due && next.compare_exchange(due, later, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        mine.then(|| {
            let (read, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            let rate = HumanBytes(read.checked_div(seconds).unwrap_or_default());
            let (done, of) = (HumanBytes(read), HumanBytes(all));
            format!("{done} of {of} read, {rate}/s, {}", self.message())
        })
    }
}

impl Observer for Progress {
    fn bytes_read(&self, bytes: u64) {
        self.bar.inc(bytes);
        if let (Some(lines), Some(line)) = (&self.lines, self.line(self.bar.elapsed().as_secs())) {
            lines.terminal.note(line);
        }
    }

    fn source_read(&self) {
        self.sources.fetch_add(1, Ordering::Relaxed);
        self.bar.set_message(self.message());
    }

    fn hits(&self, count: u64) {
        if count > 0 {
            self.hits.fetch_add(count, Ordering::Relaxed);
            self.bar.set_message(self.message());
        }
    }

    fn reads_again(&self, bytes: u64) {
        self.bar.inc_length(bytes);
        self.bar.set_message(format!("{}, again for the stories", self.message()));
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

/// `line`, broken at spaces where it is wider than `limit`; what goes on stands further in. A longer word stays whole.
pub fn wrapped(line: &str, limit: usize) -> String {
    const FURTHER: &str = "\n      ";
    let mut text = String::new();
    let mut column = 0;
    for word in line.split_inclusive(' ') {
        if column > 4 && column + word.trim_end().chars().count() > limit {
            text.truncate(text.trim_end().len());
            text.push_str(FURTHER);
            column = FURTHER.len() - 1;
        }
        text.push_str(word);
        column += word.chars().count();
    }
    text
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_it_is_too_wide_and_nothing_is_lost() {
        let line = "  Event 3 (network connection) is absent on srv23.corp.example";
        assert_eq!(
            wrapped(line, 30),
            "  Event 3 (network connection)\n      is absent on\n      srv23.corp.example"
        );
        assert_eq!(wrapped(line, 200), line);
        assert_eq!(wrapped("averyveryverylongword x", 8), "averyveryverylongword\n      x");
    }

    #[test]
    fn without_a_terminal_a_line_is_due_each_minute() {
        let terminal = Terminal { quiet: false };
        let lines = Some(Lines { terminal, next: AtomicU64::new(LINE_EVERY) });
        let bar = ProgressBar::with_draw_target(Some(4 << 20), ProgressDrawTarget::hidden());
        let progress = Progress { bar, lines, sources: AtomicU64::new(0), hits: AtomicU64::new(0) };
        progress.bar.inc(2 << 20);
        progress.source_read();
        progress.hits(3);
        assert_eq!(progress.line(59), None);
        assert_eq!(
            progress.line(64).as_deref(),
            Some("2.00 MiB of 4.00 MiB read, 32.00 KiB/s, 1 sources, 3 hits")
        );
        assert_eq!(progress.line(123), None);
        assert!(progress.line(124).is_some());
    }
}
