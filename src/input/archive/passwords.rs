//! Passwords of archives: which are known, and whom to ask for one more. None of them is ever shown.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Asks for the password of the archive of that name; `None` when there is no answer.
pub type Asker = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Answers by the names of archives; `None` where there was no answer.
type Answers = BTreeMap<String, Option<String>>;

/// What is known of passwords. Its clones share the answers: evidence that is read once more asks nobody again.
#[derive(Clone, Default)]
pub struct Passwords {
    /// To be tried, in order.
    pub known: Vec<String>,
    /// Asked at most once for each archive that none of the known ones opens.
    pub ask: Option<Asker>,
    answers: Arc<Mutex<Answers>>,
}

impl Passwords {
    /// The `known` ones, and whom to ask for others.
    pub fn new(known: Vec<String>, ask: Option<Asker>) -> Self {
        Self { known, ask, answers: Arc::default() }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer for `archive`, asked for unless it was before.
    fn answer(&self, archive: &str) -> Option<String> {
        if let Some(answer) = self.answers().get(archive) {
            return answer.clone();
        }
        let answer = self.ask.as_ref()?(archive);
        self.answers().insert(archive.to_owned(), answer.clone());
        answer
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Passwords({} known, {})",
            self.known.len(),
            if self.ask.is_some() { "asks" } else { "does not ask" }
        )
    }
}

/// The passwords of a pass: those known at its beginning, and the answers since, which may open the next archive too.
pub(in crate::input) struct Keyring {
    known: RefCell<Vec<String>>,
    passwords: Passwords,
}

/// A password that fits, as far as could be seen.
pub(super) struct Key {
    pub(super) password: String,
    /// Whether something was read with it to prove it; else only a few bits say so.
    pub(super) proven: bool,
}

impl Keyring {
    pub(in crate::input) fn new(passwords: &Passwords) -> Self {
        let known = passwords.known.iter().chain(passwords.answers().values().flatten()).cloned().collect();
        Self { known: RefCell::new(known), passwords: passwords.clone() }
    }

    /// Whether there is none to try.
    pub(super) fn is_empty(&self) -> bool {
        self.known.borrow().is_empty()
    }

    /// The first password that `opens` and `reads` say yes to; without such, the first one that `opens`. When none does and `asked` is not set, it sets
    /// that and asks for the password of `archive`.
    pub(super) fn find(
        &self,
        archive: &str,
        asked: &mut bool,
        mut opens: impl FnMut(&str) -> bool,
        mut reads: impl FnMut(&str) -> bool,
    ) -> Option<Key> {
        let mut fitting: Vec<String> =
            self.known.borrow().iter().filter(|password| opens(password)).cloned().collect();
        if fitting.is_empty() && !std::mem::replace(asked, true) {
            let answer = self.passwords.answer(archive)?;
            fitting.extend(opens(&answer).then(|| answer.clone()));
            self.known.borrow_mut().push(answer);
        }
        let proven = fitting.iter().position(|password| reads(password));
        let password = fitting.into_iter().nth(proven.unwrap_or(0))?;
        Some(Key { password, proven: proven.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_never_shown() {
        let passwords = Passwords::new(vec!["infected".to_owned()], Some(Arc::new(|_| None)));
        assert_eq!(format!("{passwords:?}"), "Passwords(1 known, asks)");
    }

    #[test]
    fn one_is_asked_for_once_and_kept_for_the_next_archive() {
        let ask: Asker = Arc::new(|archive| Some(format!("key of {archive}")));
        let keyring = Keyring::new(&Passwords::new(vec!["no".to_owned()], Some(ask)));
        let mut asked = false;
        let find = |asked: &mut bool, wanted: &str| {
            let key = keyring.find("a.zip", asked, |password| password == wanted, |_| true);
            key.map(|key| key.password)
        };
        assert_eq!(find(&mut asked, "key of b.zip"), None);
        assert!(asked);
        assert_eq!(find(&mut asked, "key of a.zip").as_deref(), Some("key of a.zip"));
    }

    #[test]
    fn of_those_that_fit_the_one_that_reads_is_taken() {
        let keyring = Keyring::new(&Passwords::new(["a", "b", "c"].map(str::to_owned).to_vec(), None));
        let find = |reads: &str| {
            let key = keyring.find("x", &mut false, |password| password != "a", |password| password == reads);
            key.map(|key| (key.password, key.proven))
        };
        assert_eq!(find("c"), Some(("c".to_owned(), true)));
        assert_eq!(find("a"), Some(("b".to_owned(), false)));
    }
}
