//! The state machine against a second implementation: a model that, as Elasticsearch does, goes stage by stage over all events and keeps everything.

use evql::eql::{self, Form, Program, Role};
use evql::sequence::{Hit, Match, run};
use evql::time::Timestamp;
use proptest::prelude::*;
use serde_json::Value as Json;

use crate::toy;

/// One event: which stages it satisfies (a bit each) and its distance in time from the one before, in 100 ns ticks.
type Event = (u8, i64);

const QUERIES: [&str; 9] = [
    "sequence [any where true] [any where true]",
    "sequence [any where true] [any where true] [any where true]",
    "sequence with maxspan=1ms [any where true] [any where true] [any where true] until [any where true]",
    "sequence [any where true] [any where true] until [any where true]",
    "sequence with maxspan=1ms [any where true] ![any where true] [any where true]",
    "sequence with maxspan=1ms ![any where true] [any where true] [any where true]",
    "sequence with maxspan=1ms [any where true] [any where true] ![any where true]",
    "sequence with maxspan=1ms ![any where true] [any where true] ![any where true]",
    "sequence with maxspan=1ms ![any where true] [any where true] ![any where true] [any where true] ![any where true] until [any where true]",
];

fn program(query: &str) -> Program {
    let schema = toy::ToySchema::new(&[], &Json::Null, &[]);
    eql::compile(&eql::parse(query).expect("it parses"), &schema).expect("it compiles")
}

fn orders(matches: &[Match<usize, ()>]) -> Vec<Vec<Option<usize>>> {
    let order = |found: &Match<usize, ()>| {
        found.events.iter().map(|event| event.as_ref().map(|event| event.order)).collect()
    };
    matches.iter().map(order).collect()
}

/// Orders and times of the events of each stage.
fn by_stage(events: &[Event], stages: usize) -> Vec<Vec<(usize, i64)>> {
    let mut time = 0;
    let mut result = vec![Vec::new(); stages];
    for (order, (bits, distance)) in events.iter().enumerate() {
        time += distance;
        for (stage, list) in result.iter_mut().enumerate() {
            if bits >> stage & 1 == 1 {
                list.push((order, time));
            }
        }
    }
    result
}

fn model(program: &Program, events: &[Event]) -> Vec<Vec<Option<usize>>> {
    let Form::Sequence { maxspan } = program.form() else { panic!("a sequence") };
    let roles: Vec<Role> = program.stages().iter().map(|stage| stage.role).collect();
    let lists = by_stage(events, roles.len());
    let with_role =
        |role| roles.iter().enumerate().filter(move |(_, found)| **found == role).map(|(stage, _)| stage);
    let positives: Vec<usize> = with_role(Role::Positive).collect();
    let untils: Vec<usize> =
        with_role(Role::Until).flat_map(|stage| lists[stage].iter().map(|(order, _)| *order)).collect();
    let mut waiting: Vec<Vec<(usize, i64)>> = lists[positives[0]].iter().map(|event| vec![*event]).collect();
    for stage in &positives[1..] {
        let mut next = Vec::new();
        for (order, time) in &lists[*stage] {
            let Some(newest) =
                waiting.iter().rposition(|partial| partial.last().expect("not empty").0 < *order)
            else {
                continue;
            };
            let mut partial = waiting.drain(..=newest).next_back().expect("the newest");
            let too_long = maxspan.is_some_and(|maxspan| time - partial[0].1 > maxspan);
            let last = partial.last().expect("not empty").0;
            let ended = untils.iter().any(|until| last <= *until && until < order);
            if !too_long && !ended {
                partial.push((*order, *time));
                next.push(partial);
            }
        }
        waiting = next;
    }
    let beyond = |from: i64, to: i64| maxspan.is_some_and(|maxspan| to - from > maxspan);
    let stages = roles.iter().filter(|role| **role != Role::Until).count();
    let holds = |partial: &Vec<(usize, i64)>| {
        let (first, last) = (partial[0].1, partial[partial.len() - 1].1);
        let mut leading = None;
        let mut trailing = None;
        for stage in with_role(Role::Missing) {
            let times = lists[stage].iter().map(|(_, time)| *time);
            match positives.iter().position(|positive| *positive > stage) {
                Some(0) => leading = leading.max(times.filter(|time| *time < first).max()),
                Some(next)
                    if times.clone().any(|time| partial[next - 1].1 < time && time < partial[next].1) =>
                {
                    return false;
                }
                Some(_) => {}
                None => trailing = times.filter(|time| *time > last).chain(trailing).min(),
            }
        }
        let (may_lead, may_trail) = (roles[0] == Role::Missing, roles[stages - 1] == Role::Missing);
        match (leading, trailing) {
            (None, None) => true,
            (None, Some(_)) if may_lead => true,
            (Some(_), None) if may_trail => true,
            (Some(leading), Some(trailing)) => beyond(leading, trailing),
            (Some(leading), None) => beyond(leading, last),
            (None, Some(trailing)) => beyond(first, trailing),
        }
    };
    waiting
        .iter()
        .filter(|partial| holds(partial))
        .map(|partial| {
            let mut result = vec![None; stages];
            positives.iter().zip(partial).for_each(|(stage, (order, _))| result[*stage] = Some(*order));
            result
        })
        .collect()
}

proptest! {
    #[test]
    fn one_pass_gives_what_stage_by_stage_gives(
        query in 0..QUERIES.len(),
        events in prop::collection::vec((any::<u8>(), prop_oneof![Just(0_i64), Just(4_000), Just(5_000), Just(10_001)]), 0..24),
    ) {
        let program = program(QUERIES[query]);
        let mut hits = Vec::new();
        for (stage, list) in by_stage(&events, program.stages().len()).into_iter().enumerate() {
            for (order, ticks) in list {
                hits.push(Hit { stage, order, time: Timestamp::from_filetime(ticks as u64), payload: () });
            }
        }
        hits.sort_by_key(|hit| (hit.order, hit.stage));
        prop_assert_eq!(orders(&run(&program, hits)), model(&program, &events));
    }
}
