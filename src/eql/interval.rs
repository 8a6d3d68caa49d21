//! Numeric intervals of Lucene's regular expressions, `<1-10>`, as ordinary patterns of digits. It parses nothing.

/// A pattern for every whole number from `least` to `most`. With `digits` the text has exactly that many, zeros in front; otherwise any number of leading
/// zeros is accepted (Automata.makeDecimalInterval).
pub fn pattern(least: u32, most: u32, digits: Option<usize>) -> String {
    let mut alternatives = Vec::new();
    let mut low = least;
    loop {
        let high = block_end(low, most);
        alternatives.push(block(low, high, digits));
        match high.checked_add(1) {
            Some(next) if high < most => low = next,
            _ => break,
        }
    }
    let zeros = if digits.is_none() { "0*" } else { "" };
    format!("(?:{zeros}(?:{}))", alternatives.join("|"))
}

/// The end of the largest block that begins at `low`, stays within `most`, keeps the number of digits and is one digit range followed by free digits.
fn block_end(low: u32, most: u32) -> u32 {
    let (low, most) = (u64::from(low), u64::from(most));
    let mut best = low;
    let mut power: u64 = 1;
    while power <= low.max(1) {
        if low % power != 0 {
            break;
        }
        let decade_end = low - low % (power * 10) + power * 10 - 1;
        let within = if most >= decade_end { decade_end } else { most - (most + 1) % power };
        let first_digits = (low / power).to_string().len();
        if within < low || within > most || (within / power).to_string().len() != first_digits {
            break;
        }
        best = best.max(within);
        power *= 10;
    }
    u32::try_from(best).unwrap_or(u32::MAX)
}

/// `low` and `high` differ in one digit, after which `low` has zeros and `high` nines.
fn block(low: u32, high: u32, digits: Option<usize>) -> String {
    let (low, high) = (low.to_string(), high.to_string());
    let padding = digits.unwrap_or(0).saturating_sub(low.len());
    let body: String = low
        .chars()
        .zip(high.chars())
        .map(|(a, b)| if a == b { a.to_string() } else { format!("[{a}-{b}]") })
        .collect();
    "0".repeat(padding) + &body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(least: u32, most: u32) {
        let regex = regex::Regex::new(&format!(r"\A{}\z", pattern(least, most, None))).expect("digits only");
        for number in (0..2_300).chain([u32::MAX - 1, u32::MAX]) {
            assert_eq!(
                regex.is_match(&number.to_string()),
                (least..=most).contains(&number),
                "{number} in <{least}-{most}>"
            );
        }
    }

    #[test]
    fn exactly_the_interval() {
        for (least, most) in
            [(0, 0), (1, 10), (0, 99), (7, 1234), (99, 101), (1000, 2222), (5, 5), (100, 999)]
        {
            check(least, most);
        }
        check(0, u32::MAX);
        check(4_000_000_000, u32::MAX);
    }

    #[test]
    fn fixed_digits_keep_their_zeros() {
        let regex = regex::Regex::new(&format!(r"\A{}\z", pattern(1, 10, Some(2)))).expect("digits only");
        assert!(regex.is_match("07") && regex.is_match("10"));
        assert!(!regex.is_match("7") && !regex.is_match("007"));
    }
}
