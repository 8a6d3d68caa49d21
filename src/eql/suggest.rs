//! "Did you mean": the known name nearest to a wrong one. It decides nothing but nearness.

/// The one of `candidates` that takes the fewest edits (a letter added, left out, replaced, or two swapped; case is free) to become `name`; the
/// first of equals. `None` when even that takes more than a third of the name's letters.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = folded(name);
    let limit = (wanted.len() / 3).clamp(1, 4);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.len().abs_diff(name.len()) > 4 * limit {
            continue;
        }
        let letters = folded(candidate);
        if letters.len().abs_diff(wanted.len()) > limit {
            continue;
        }
        let edits = distance(&wanted, &letters);
        if edits <= limit && best.is_none_or(|(fewest, _)| edits < fewest) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn folded(name: &str) -> Vec<char> {
    name.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// The optimal string alignment distance, over three rows of its table.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut edits = replaced.min(above[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *a == right[column - 1] && left[row - 1] == *b {
                edits = edits.min(before[column - 1] + 1);
            }
            current.push(edits);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 4] = ["process.name", "process.pid", "process.parent.name", "user.id"];

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        for wrong in ["proces.name", "process.nmae", "Process.Name", "processs.name", "process_name"] {
            assert_eq!(nearest(wrong, FIELDS.into_iter()), Some("process.name"), "{wrong}");
        }
    }

    #[test]
    fn something_else_is_not() {
        for wrong in ["", "Image", "destination.address", "registry.path"] {
            assert_eq!(nearest(wrong, FIELDS.into_iter()), None, "{wrong}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), FIELDS.into_iter()), None);
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(nearest("cat", ["bat", "hat"].into_iter()), Some("bat"));
    }
}
