//! The walk through the tree: members by rank, targets by members, each target once.

use super::needs::Need;
use super::rank::Chooser;
use super::view::{Ask, View};
use super::{Node, TargetIndex};

/// The ways to answer one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// The targets that can serve it, each once: first those that may be asked now, best first, then the others, the
    /// soonest first.
    pub targets: Vec<TargetIndex>,
    /// How many of them may be asked now.
    pub ready: usize,
    /// Those that cannot serve it, and why.
    pub unfit: Vec<(TargetIndex, Vec<Need>)>,
}

/// Makes the order. `turn` gives the next number of a counter by its key, as [`super::Turns`] does.
#[must_use]
pub fn order(node: &Node, view: &View, ask: &Ask, turn: &dyn Fn(u64) -> u64) -> Order {
    let chooser = Chooser { view, ask, turn };
    let mut targets = Vec::new();
    walk(node, &chooser, true, &mut targets);
    let ready = targets.len();
    let mut resting = Vec::new();
    let mut unfit = Vec::new();
    for target in node.targets() {
        let known = targets.contains(&target) || resting.iter().any(|(t, _)| *t == target);
        if known || unfit.iter().any(|(t, _)| *t == target) {
            continue;
        }
        let Some(state) = view.get(target) else {
            continue;
        };
        match state.abilities.lacks(&ask.needs) {
            lacks if lacks.is_empty() => resting.push((target, state.standing.wait())),
            lacks => unfit.push((target, lacks)),
        }
    }
    resting.sort_by_key(|(_, wait)| *wait);
    targets.extend(resting.into_iter().map(|(target, _)| target));
    Order {
        targets,
        ready,
        unfit,
    }
}

/// Adds the targets below `node` that may be asked now; `leads` while nothing better has been found.
fn walk(node: &Node, chooser: &Chooser<'_>, leads: bool, found: &mut Vec<TargetIndex>) {
    match node {
        Node::Target(target) => {
            let ready = chooser.view.ready(*target, chooser.ask).is_some();
            if ready && !found.contains(target) {
                found.push(*target);
            }
        }
        Node::Group(group) => {
            for (place, member) in chooser.ranked(group, leads).into_iter().enumerate() {
                walk(&member.node, chooser, leads && place == 0, found);
            }
        }
    }
}
