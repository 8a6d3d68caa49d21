//! A command line into arguments by the C runtime's rule from before 2008, which Elastic's pipeline follows. No variable is expanded, no entity decoded.
//!
//! The rule: <http://daviddeley.com/autohotkey/parameters/parameters.htm>, section 5.2.

use std::iter::Peekable;
use std::str::Chars;

/// The arguments of `command_line`; the first is treated like any other. Runs of blanks give no empty argument, an explicit `""` does.
pub(crate) fn split(command_line: &str) -> Vec<String> {
    let mut rest = command_line.chars().peekable();
    let mut arguments = Vec::new();
    loop {
        while rest.next_if(|&char| is_blank(char)).is_some() {}
        if rest.peek().is_none() {
            return arguments;
        }
        arguments.push(next(&mut rest));
    }
}

fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t')
}

/// Reads one argument and the blank behind it. Backslashes are held back until it is known whether a quote follows.
fn next(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut argument = String::new();
    let mut quoted = false;
    let mut backslashes = 0_usize;
    while let Some(char) = rest.next() {
        match char {
            '\\' => backslashes = backslashes.saturating_add(1),
            '"' => {
                push_backslashes(&mut argument, backslashes / 2);
                if backslashes % 2 == 1 {
                    argument.push('"');
                } else {
                    if quoted && rest.next_if_eq(&'"').is_some() {
                        argument.push('"');
                    }
                    quoted = !quoted;
                }
                backslashes = 0;
            }
            blank if is_blank(blank) && !quoted => break,
            other => {
                push_backslashes(&mut argument, backslashes);
                backslashes = 0;
                argument.push(other);
            }
        }
    }
    push_backslashes(&mut argument, backslashes);
    argument
}

fn push_backslashes(argument: &mut String, count: usize) {
    argument.extend(std::iter::repeat_n('\\', count));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_and_backslashes_follow_the_runtime_rule() {
        let table: [(&str, &[&str]); 14] = [
            ("", &[]),
            ("  \t ", &[]),
            ("a  b\tc ", &["a", "b", "c"]),
            (r#""C:\Program Files\x.exe" -a"#, &[r"C:\Program Files\x.exe", "-a"]),
            (r#"a "" b"#, &["a", "", "b"]),
            (r#""a""b" c"#, &[r#"a"b c"#]),
            (r#""a"" b" c"#, &[r#"a""#, "b c"]),
            (r#"a\\"b c" d"#, &[r"a\b c", "d"]),
            (r#"a\\\"b c"#, &[r#"a\"b"#, "c"]),
            (r#"a\"b c"#, &[r#"a"b"#, "c"]),
            (r"C:\dir\ \\server\share\\", &[r"C:\dir\", r"\\server\share\\"]),
            (r#"x="a b"c"#, &["x=a bc"]),
            ("echo &quot;hi&quot; %TEMP%", &["echo", "&quot;hi&quot;", "%TEMP%"]),
            (r#""open end"#, &["open end"]),
        ];
        for (command_line, expected) in table {
            assert_eq!(split(command_line), expected, "{command_line}");
        }
    }

    /// The other direction, as a program must write a command line for the runtime: always quoted, backslashes doubled before a quote.
    fn join(arguments: &[String]) -> String {
        let quoted = arguments.iter().map(|argument| {
            let mut text = String::from('"');
            let mut backslashes = 0;
            for char in argument.chars() {
                match char {
                    '\\' => backslashes += 1,
                    '"' => {
                        text.extend(std::iter::repeat_n('\\', backslashes * 2 + 1));
                        backslashes = 0;
                    }
                    _ => {
                        text.extend(std::iter::repeat_n('\\', backslashes));
                        backslashes = 0;
                    }
                }
                if char != '\\' {
                    text.push(char);
                }
            }
            text.extend(std::iter::repeat_n('\\', backslashes * 2));
            text.push('"');
            text
        });
        quoted.collect::<Vec<_>>().join(" ")
    }

    proptest! {
        #[test]
        fn splitting_undoes_joining(arguments in proptest::collection::vec("[ab \\t\\\\\"é]{0,12}", 0..6)) {
            prop_assert_eq!(split(&join(&arguments)), arguments);
        }

        #[test]
        fn any_text_splits_without_growing(text in "\\PC{0,200}") {
            prop_assert!(split(&text).iter().map(String::len).sum::<usize>() <= text.len());
        }
    }
}
