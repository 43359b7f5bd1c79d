//! What orders are asked about in tests: small trees, what is known of their targets, counters that begin anew.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use crate::router::strategy::*;

pub(super) fn member(target: usize, weight: u32) -> Member {
    let node = Node::Target(TargetIndex(target));
    Member::new(node, weight, &format!("p{target}|m"))
}

pub(super) fn group(strategy: Strategy, weights: &[u32]) -> Node {
    let members = weights.iter().enumerate();
    let members = members.map(|(i, w)| member(i, *w)).collect();
    Node::Group(Group::new("g", strategy, false, members))
}

pub(super) fn sticky(strategy: Strategy, targets: &[usize], weights: &[u32]) -> Node {
    let members = targets.iter().zip(weights);
    let members = members.map(|(t, w)| member(*t, *w)).collect();
    Node::Group(Group::new("g", strategy, true, members))
}

pub(super) fn nest(strategy: Strategy, members: Vec<(Node, u32, &str)>) -> Node {
    let members = members
        .into_iter()
        .map(|(n, w, name)| Member::new(n, w, name));
    Node::Group(Group::new("outer", strategy, false, members.collect()))
}

pub(super) fn view(targets: usize) -> View {
    View {
        targets: vec![TargetState::default(); targets],
    }
}

/// Counters that begin anew in each test.
#[derive(Default)]
pub(super) struct Counters(RefCell<HashMap<u64, u64>>);

impl Counters {
    pub(super) fn order(&self, node: &Node, view: &View, ask: &Ask) -> Vec<usize> {
        let turn = |key| {
            let mut counters = self.0.borrow_mut();
            let counter = counters.entry(key).or_default();
            *counter += 1;
            *counter - 1
        };
        let order = order(node, view, ask, &turn);
        order.targets.into_iter().map(|t| t.0).collect()
    }

    /// How often each target leads in 10,000 requests.
    pub(super) fn leads(&self, node: &Node, view: &View) -> Vec<usize> {
        let mut leads = vec![0; view.targets.len()];
        for draw in 0..10_000 {
            let ask = ask(draw);
            leads[self.order(node, view, &ask)[0]] += 1;
        }
        leads
    }
}

pub(super) fn ask(draw: u32) -> Ask {
    Ask {
        draw,
        ..Ask::default()
    }
}

pub(super) fn ms(ms: f64, age_s: u64) -> Option<Latency> {
    let age = Duration::from_secs(age_s);
    Some(Latency { ms, age })
}
