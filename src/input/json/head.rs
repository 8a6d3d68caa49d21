//! Whether JSON begins like an export of events, told by the names in its first objects. It looks at no value.

/// Objects that are looked at: with the action lines of a bulk request, the first event is the second.
const OBJECTS: usize = 3;
/// Deepest nesting and most names that are looked at.
const MAX_DEPTH: usize = 64;
const MAX_NAMES: usize = 4096;
/// A search response's member with the hits, and that member's own member with the array of them.
const HITS: &str = "\"hits\"";
/// Bytes that may stand before each of the two.
const MAX_RESPONSE_HEAD: usize = 2048;

/// In whose terms exported events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Windows's own: an `Event` with `System`, its names laid flat, or what winlogbeat ships before any pipeline.
    Windows,
    /// Elastic's: ECS documents that a pipeline made, with the category that an EQL query asks for.
    Ecs,
}

/// The form of the event that `text`, the beginning of a source, begins with; `None` when it is none of the known ones.
pub(super) fn recognise(text: &str) -> Option<Terms> {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    if !text.starts_with(['{', '[']) && !text.starts_with("Record ") {
        return None;
    }
    let paths = paths(text.get(hits(text)..).unwrap_or_default());
    let has = |path: &str| {
        paths.iter().any(|known| {
            known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    // An alert tells of events, and is none: those that this program writes into a folder of evidence would be found again.
    if has("kibana.alert") {
        return None;
    }
    let any = |paths: &[&str]| paths.iter().any(|path| has(path));
    let tree =
        has("Event.System") || has("System.EventID") && any(&["System.Provider", "System.TimeCreated"]);
    let flat = has("EventID")
        && any(&["Channel", "SourceName", "ProviderName", "Provider"])
        && any(&["TimeCreated", "EventTime", "@timestamp", "UtcTime", "RecordNumber", "EventRecordID"]);
    let ecs = has("winlog")
        || has("@timestamp") && has("event.code") && has("event.provider")
        || has("event_data") && has("source_name");
    match ecs && has("event.category") {
        true => Some(Terms::Ecs),
        false => (tree || flat || ecs).then_some(Terms::Windows),
    }
}

/// Where the array of hits begins in `text`, the beginning of a whole search response; 0 in any other text.
pub(super) fn hits(text: &str) -> usize {
    let value = |rest: &str| {
        rest.trim_start().strip_prefix(':').map(str::trim_start).unwrap_or_default().chars().next()
    };
    let outer = text.match_indices(HITS).find(|(at, name)| value(behind(text, *at, name)) == Some('{'));
    let Some((outer, _)) =
        outer.filter(|(at, _)| *at <= MAX_RESPONSE_HEAD && text.trim_start().starts_with('{'))
    else {
        return 0;
    };
    let before_hits = text.get(..outer).is_some_and(|before| !before.contains("\"_source\""));
    let array = text
        .match_indices(HITS)
        .find(|(at, name)| *at > outer && value(behind(text, *at, name)) == Some('['));
    let near = array.filter(|(at, _)| before_hits && at.saturating_sub(outer) <= MAX_RESPONSE_HEAD);
    near.and_then(|(at, _)| text.get(at..)?.find('[').map(|bracket| at.saturating_add(bracket)))
        .unwrap_or_default()
}

fn behind<'a>(text: &'a str, at: usize, name: &str) -> &'a str {
    text.get(at.saturating_add(name.len())..).unwrap_or_default()
}

/// The dotted paths of the names in the first objects of `text`, those in arrays left out; a hit's `_source` counts as the object itself.
fn paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    // For each open bracket the last name behind it; `None` for an array's.
    let mut open: Vec<Option<&str>> = Vec::new();
    let mut objects = 0_usize;
    let mut rest = text;
    while let Some((at, byte)) = rest.bytes().enumerate().find(|(_, byte)| b"{}[]\"".contains(byte)) {
        let behind = rest.get(at.saturating_add(1)..).unwrap_or_default();
        rest = behind;
        match byte {
            b'{' => open.push(Some("")),
            b'[' if !open.is_empty() => open.push(None),
            b'"' => {
                let end = string_end(behind);
                let name = behind.get(..end).unwrap_or_default();
                rest = behind.get(end.saturating_add(1)..).unwrap_or_default();
                if rest.trim_start().starts_with(':')
                    && let Some(Some(last)) = open.last_mut()
                {
                    *last = name;
                    paths.extend(path(&open));
                }
            }
            _ => {
                let ended = open.pop().is_some() && open.is_empty();
                objects = objects.saturating_add(usize::from(ended));
            }
        }
        if objects >= OBJECTS || open.len() > MAX_DEPTH || paths.len() > MAX_NAMES {
            break;
        }
    }
    paths
}

/// The present name's path; `None` within an array, and deeper than any form needs.
fn path(open: &[Option<&str>]) -> Option<String> {
    let names: Option<Vec<&str>> = open.iter().copied().collect();
    let names = names.filter(|names| names.len() <= 4)?.join(".");
    Some(names.strip_prefix("_source.").unwrap_or(&names).to_owned())
}

/// Where the string ends that `text` begins in.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_known_by_its_names() {
        for text in [
            r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"##,
            "Record 1\n{\n  \"Event_attributes\": {},\n  \"Event\": {\n    \"System\": {",
            r#"[{"System":{"Provider":{"Name":"x"},"EventID":{"Value":1}"#,
            r#"{"@timestamp":"2024-03-01T10:00:00.000Z","winlog":{"#,
            r#"{"_index":"x","_source":{"@timestamp":"","event":{"code":"1","provider":"#,
            r#"{"took":3,"hits":{"total":{"value":1},"hits":[{"_source":{"@timestamp":"","winlog":{"#,
            r#"{"create":{}}
               {"@timestamp":"","event.code":"1","event.provider":"x""#,
            r#"{"EventTime":"2020-01-01 00:00:00","EventID":1,"SourceName":"#,
            r#"{"a\"b":"x","Channel":"Security","EventID":"4624","EventRecordID":"#,
        ] {
            assert!(recognise(text).is_some(), "{text}");
        }
    }

    #[test]
    fn other_json_is_no_log() {
        for text in [
            "",
            "{}",
            "[1,2]",
            "[[[[",
            r#"{"name":"x","EventID":1}"#,
            r#"{"list":[{"winlog":{"channel":"x"}}]}"#,
            r#"{"note":"\"winlog\":","a":{"Event":{"System":1}}}"#,
            r#"{"@timestamp":"2024-03-01T10:00:00.000Z","event":{"kind":"event"}}"#,
            r#"text {"winlog":1}"#,
            r#"{"@timestamp":"","kibana":{"alert":{"uuid":"x"}},"event":{"code":"1"},"winlog":{"channel":"x"}}"#,
            r#"{"kibana.alert.uuid":"x","winlog":{"channel":"x"}}"#,
        ] {
            assert_eq!(recognise(text), None, "{text}");
        }
    }
}
