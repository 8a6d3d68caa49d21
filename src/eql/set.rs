//! Sets of strings looked up by hash, with or without regard to ASCII case, and without copying what is looked up.

/// A set of strings. Membership costs one pass over the value and a binary search.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StringSet {
    fold: bool,
    /// Sorted by hash, then text; folded when `fold`.
    entries: Vec<(u64, Box<str>)>,
    /// The length in bytes of the longest text: longer values are not hashed at all.
    longest: usize,
}

impl StringSet {
    /// The set of `texts`; with `fold` ASCII letters of either case are the same.
    pub fn new<'t>(texts: impl IntoIterator<Item = &'t str>, fold: bool) -> Self {
        let mut entries: Vec<(u64, Box<str>)> = texts
            .into_iter()
            .map(|text| if fold { text.to_ascii_lowercase() } else { text.to_owned() })
            .map(|text| (hash(&text, fold), text.into_boxed_str()))
            .collect();
        entries.sort();
        entries.dedup();
        let longest = entries.iter().map(|(_, text)| text.len()).max().unwrap_or(0);
        Self { fold, entries, longest }
    }

    /// Whether `value` is one of the set.
    pub fn contains(&self, value: &str) -> bool {
        if self.entries.is_empty() || value.len() > self.longest {
            return false;
        }
        let hash = hash(value, self.fold);
        let first = self.entries.partition_point(|(other, _)| *other < hash);
        self.entries.iter().skip(first).take_while(|(other, _)| *other == hash).any(|(_, text)| {
            if self.fold { text.eq_ignore_ascii_case(value) } else { text.as_ref() == value }
        })
    }

    /// Whether ASCII case is ignored.
    pub fn folds(&self) -> bool {
        self.fold
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The texts in alphabetical order, lower-case when case is ignored.
    pub fn sorted(&self) -> Vec<&str> {
        let mut texts: Vec<&str> = self.entries.iter().map(|(_, text)| text.as_ref()).collect();
        texts.sort_unstable();
        texts
    }
}

/// FNV-1a of the text, ASCII letters lower-cased when `fold`: the same in every build, so nothing depends on a random seed.
pub fn hash(text: &str, fold: bool) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        let byte = if fold { byte.to_ascii_lowercase() } else { byte };
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_counts_only_when_told() {
        let folding = StringSet::new(["Cmd.exe", "é"], true);
        assert!(folding.contains("CMD.EXE") && folding.contains("é"));
        assert!(!folding.contains("É") && !folding.contains("cmd.ex"));
        let exact = StringSet::new(["Cmd.exe"], false);
        assert!(exact.contains("Cmd.exe") && !exact.contains("cmd.exe"));
        assert!(!StringSet::default().contains(""));
        assert_eq!(folding.sorted(), ["cmd.exe", "é"]);
    }
}
