//! The story of a finding for the page: the process tree, connections, queries and what else was touched, each list cut short. It escapes nothing: the template does.

use super::detail::short;
use crate::finding::Finding;
use crate::finding::story::{Activity, Count, Destination, Intervals, Listed, Process, Query, Story};
use crate::report::story::address;
use crate::report::subject::{joined, span};
use crate::report::words::{counted, grouped, moment, optional};
use crate::time::{TICKS_PER_MILLI, Timestamp};

/// Rows of one list; the page says how many more `findings.jsonl` has.
const ROWS: usize = 10;
/// Children in the tree.
const CHILDREN: usize = 20;
/// Things of one kind.
const TOUCHED: usize = 5;

/// What the page tells of a finding's process.
pub struct StoryView<'a> {
    story: &'a Story,
    /// The tree, from the farthest ancestor down, each process before its children.
    pub tree: Vec<Node<'a>>,
}

/// A process in the tree.
pub struct Node<'a> {
    /// The process.
    pub process: &'a Process,
    /// Whether it is the finding's own.
    pub own: bool,
    /// Whether it opens a list inside the process before it.
    pub deeper: bool,
    /// How many lists end before it.
    pub closed: usize,
    /// Its distance from the root of the tree.
    level: usize,
}

impl<'a> StoryView<'a> {
    /// The view of the finding's story, or why there is none.
    pub fn of(finding: &'a Finding) -> Result<Self, &'static str> {
        let story = finding.story.as_deref();
        story.map(|story| Self { story, tree: tree(story) }).map_err(|untold| untold.sentence())
    }

    /// What there is to see, in one line.
    pub fn headline(&self) -> String {
        let Story { ancestors, children, connections, queries, activities, .. } = self.story;
        let many = |count: u64, one: &str, more: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{} {more}", grouped(count))),
        };
        let other = activities.iter().map(|activity| activity.all.count).sum();
        let parts = [
            many(ancestors.len() as u64, "ancestor", "ancestors"),
            many(children.total, "child", "children"),
            many(connections.all.count, "connection", "connections"),
            many(queries.total, "name asked for", "names asked for"),
            many(other, "other event", "other events"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "nothing else is logged".to_owned() } else { parts.join(", ") }
    }

    /// All its texts, as the page shows them.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        let tree = self.tree.iter().flat_map(|node| [node.name(), node.facts(), node.command()]);
        let reached = self.destinations().iter().flat_map(|to| [place_of(to), names(to)]);
        let asked = self.queries().iter().flat_map(|query| [short(&query.name), answers(query)]);
        let done =
            self.activities().iter().flat_map(|activity| touched(activity).0).map(|(target, _)| target);
        tree.chain(reached).chain(asked).chain(done)
    }

    /// How many lists are open behind the tree's last process.
    pub fn open(&self) -> usize {
        self.tree.last().map_or(0, |node| node.level)
    }

    /// How many children the tree leaves out.
    pub fn more_children(&self) -> u64 {
        let shown = self.tree.len().saturating_sub(self.story.ancestors.len() + 1);
        self.story.children.total.saturating_sub(shown as u64)
    }

    /// Whether kin may be missing because there were too many processes.
    pub fn kin_incomplete(&self) -> bool {
        !self.story.kin_complete
    }

    /// When the process started and ended, as far as that is known.
    pub fn life(&self) -> String {
        let process = &self.story.process;
        let when = |verb: &str, noun: &str, time: Option<Timestamp>| match time {
            Some(time) => format!("{verb} {}", moment(time)),
            None => format!("its {noun} is not logged"),
        };
        let (start, end) = (when("started", "start", process.started), when("ended", "end", process.ended));
        format!("The process: {start}, {end}.")
    }

    /// The first destinations.
    pub fn destinations(&self) -> &'a [Destination] {
        first(&self.story.connections.destinations, ROWS)
    }

    /// How many destinations are left out.
    pub fn more_destinations(&self) -> u64 {
        left_out(&self.story.connections.destinations, ROWS)
    }

    /// Connections in one sentence.
    pub fn connections(&self) -> String {
        let connections = &self.story.connections;
        let beat = connections.intervals.map(beat).unwrap_or_default();
        format!(
            "{} to {}{beat}.",
            counted(connections.all.count, "connection"),
            counted(connections.destinations.total, "destination")
        )
    }

    /// The first names.
    pub fn queries(&self) -> &'a [Query] {
        first(&self.story.queries, ROWS)
    }

    /// How many names are left out.
    pub fn more_queries(&self) -> u64 {
        left_out(&self.story.queries, ROWS)
    }

    /// What else was touched, by kind.
    pub fn activities(&self) -> &'a [Activity] {
        &self.story.activities
    }
}

fn tree(story: &Story) -> Vec<Node<'_>> {
    let mut levels: Vec<(&Process, usize)> = story.ancestors.iter().rev().zip(0..).collect();
    let own = levels.len();
    levels.push((&story.process, own));
    let listed = story.children.shown.get(..CHILDREN).unwrap_or(&story.children.shown);
    place(listed, &story.process.entity_id, own + 1, &mut levels);
    let mut before = 0;
    let mut nodes = Vec::new();
    for (process, level) in levels {
        let own = std::ptr::eq(process, &story.process);
        let (deeper, closed) = (level > before, before.saturating_sub(level));
        nodes.push(Node { process, own, deeper, closed, level });
        before = level;
    }
    nodes
}

/// The first things of a kind, and how many are left out.
pub fn touched(activity: &Activity) -> (Vec<(String, String)>, u64) {
    let shown = first(&activity.targets, TOUCHED).iter().map(|touched| {
        let target = if touched.target.is_empty() { "–".to_owned() } else { short(&touched.target) };
        (target, format!("{}, {}", touched.event, counted(touched.seen.count, "time")))
    });
    (shown.collect(), left_out(&activity.targets, TOUCHED))
}

/// The kind for a reader.
pub fn kind(activity: &Activity) -> String {
    let mut words = activity.kind.replace('_', " ");
    words.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
    words
}

/// `203.0.113.7:443 tcp`, with the direction where it is not the usual one.
pub fn place_of(destination: &Destination) -> String {
    let inbound = if destination.inbound { " inbound" } else { "" };
    short(&format!("{}{inbound}", joined(&address(destination), " ", &destination.protocol)))
}

/// The names of a destination and where they come from.
pub fn names(destination: &Destination) -> String {
    let names = destination.names.join(", ");
    let by = if destination.named_by_host { " (asked by another process)" } else { "" };
    short(&joined(&destination.host_name, "; ", &format!("{names}{by}")))
}

/// Answers and statuses of a query.
pub fn answers(query: &Query) -> String {
    let statuses: Vec<&str> =
        query.statuses.iter().map(String::as_str).filter(|status| *status != "SUCCESS").collect();
    short(&joined(&query.answers.join(", "), "; ", &statuses.join(", ")))
}

/// First and last time.
pub fn times(seen: &Count) -> (String, String) {
    (optional(seen.first), optional(seen.last))
}

impl Node<'_> {
    /// `mshta.exe`, or what is known in its stead.
    pub fn name(&self) -> String {
        let Process { name, executable, .. } = self.process;
        let name = if name.is_empty() { executable } else { name };
        short(if name.is_empty() { "(unknown)" } else { name })
    }

    /// Process id, user and what stands out.
    pub fn facts(&self) -> String {
        let process = self.process;
        let pid = process.pid.map(|pid| format!("pid {pid}"));
        let user = Some(short(&process.user)).filter(|user| !user.is_empty());
        let renamed = (process.renamed() == Some(true))
            .then(|| format!("original name {}", short(&process.original_file_name)));
        let unknown = (!process.known).then(|| "start not in the evidence".to_owned());
        let flagged = (process.flagged && !self.own).then(|| "has findings of its own".to_owned());
        let started = process.started.map(moment);
        let all = [pid, user, started, renamed, unknown, flagged];
        all.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// The command line, cut.
    pub fn command(&self) -> String {
        short(&self.process.command_line)
    }
}

/// Puts the processes of `children` that `parent` started, each before its own, behind `levels`. The depth is that of the story: 3.
fn place<'a>(children: &'a [Process], parent: &str, level: usize, levels: &mut Vec<(&'a Process, usize)>) {
    for child in children.iter().filter(|child| child.parent_entity_id == parent) {
        if levels.iter().any(|(known, _)| std::ptr::eq(*known, child)) {
            continue;
        }
        levels.push((child, level));
        place(children, &child.entity_id, level + 1, levels);
    }
}

fn beat(intervals: Intervals) -> String {
    let each = span(intervals.median_ms.saturating_mul(TICKS_PER_MILLI));
    let (min, max) = (intervals.min_ms, intervals.max_ms);
    let range = |millis: i64| span(millis.saturating_mul(TICKS_PER_MILLI));
    let word = if intervals.regular { "a regular beat of" } else { "at intervals of, in the middle," };
    format!(", {word} {each} ({} to {})", range(min), range(max))
}

fn first<T>(list: &Listed<T>, limit: usize) -> &[T] {
    list.shown.get(..limit).unwrap_or(&list.shown)
}

fn left_out<T>(list: &Listed<T>, limit: usize) -> u64 {
    list.total.saturating_sub(first(list, limit).len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(entity_id: &str, parent: &str, depth: u32) -> Process {
        let (entity_id, parent_entity_id) = (entity_id.to_owned(), parent.to_owned());
        Process { entity_id, parent_entity_id, depth, ..Process::default() }
    }

    #[test]
    fn lists_open_and_close_as_the_tree_does() {
        let children =
            vec![process("d", "c", 1), process("g", "c", 1), process("e", "d", 2), process("f", "e", 3)];
        let story = Story {
            process: process("c", "b", 0),
            ancestors: vec![process("b", "a", 1), process("a", "", 2)],
            children: Listed { total: 9, shown: children },
            ..Story::default()
        };
        let view = StoryView { story: &story, tree: tree(&story) };
        let shape: Vec<(&str, bool, usize)> = view
            .tree
            .iter()
            .map(|node| (node.process.entity_id.as_str(), node.deeper, node.closed))
            .collect();
        let expected = [
            ("a", false, 0),
            ("b", true, 0),
            ("c", true, 0),
            ("d", true, 0),
            ("e", true, 0),
            ("f", true, 0),
            ("g", false, 2),
        ];
        assert_eq!(shape, expected);
        assert_eq!((view.open(), view.more_children()), (3, 5));
    }
}
