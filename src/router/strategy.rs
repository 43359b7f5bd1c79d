//! Which targets may answer a request, in which order: a tree of groups, each with its strategy, is turned into one
//! list. Pure: what is known of the targets, chance and turns come in as values.
//!
//! `weighted` and `round_robin` take turns by a counter, not by chance: over as many requests as the weights add up to,
//! every member leads exactly as often as its weight says, whatever their number at a time. The counter belongs to the
//! group *and* to those of its members that may be asked, so that requests of two kinds, taking turns with each other,
//! do not always fall on the same member. Only groups on the way to the first target take a turn; as fallbacks the
//! members of the others come by chance.

mod needs;
mod order;
mod rank;
#[cfg(test)]
mod tests;
mod turns;
mod view;

pub use needs::{Abilities, Need, Needs, lacking};
pub use order::{Order, order};
pub use turns::Turns;
pub use view::{Ask, Latency, Standing, TargetState, View};

use super::chance::{mix, tag};

/// A target's place in the table, and in a [`View`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetIndex(pub usize);

/// How a group chooses among its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// The first that may be asked.
    Fallback,
    /// Each in turn.
    RoundRobin,
    /// The one with the fewest calls under way for its weight.
    LeastConnections,
    /// Each as often as its weight says.
    Weighted,
    /// The one that is likely to answer first.
    Latency,
    /// The one whose answer is likely to cost least.
    Cost,
}

/// Where a request may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// One model of one provider.
    Target(TargetIndex),
    /// Several ways to get an answer.
    Group(Group),
}

/// Several ways to get an answer, and how to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    strategy: Strategy,
    /// Whether a conversation stays where it is.
    sticky: bool,
    members: Vec<Member>,
    tag: u64,
}

/// One of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    node: Node,
    /// 0: only when none of the others may be asked.
    weight: u32,
    /// What it is to a conversation; does not change when others come or go.
    tag: u64,
}

impl Member {
    /// A member called `name`: to whoever is sticky and to chance it is this name, not its place.
    #[must_use]
    pub fn new(node: Node, weight: u32, name: &str) -> Self {
        Self {
            node,
            weight,
            tag: tag(name),
        }
    }
}

impl Group {
    /// A group called `name`.
    #[must_use]
    pub fn new(name: &str, strategy: Strategy, sticky: bool, members: Vec<Member>) -> Self {
        Self {
            strategy,
            sticky,
            members,
            tag: tag(name),
        }
    }

    /// What a counter belongs to: this group while these of its members are to be chosen from.
    fn turn_key(&self, members: &[&Member]) -> u64 {
        members.iter().fold(self.tag, |key, m| mix(key, m.tag))
    }
}

impl Node {
    /// Every target below, in the order in which they are written, repeated ones too.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetIndex> {
        let mut found = Vec::new();
        self.visit(&mut |target| found.push(target));
        found
    }

    /// Whether conversations stay somewhere below.
    #[must_use]
    pub fn is_sticky(&self) -> bool {
        match self {
            Self::Target(_) => false,
            Self::Group(group) => group.sticky || group.members.iter().any(|m| m.node.is_sticky()),
        }
    }

    fn visit(&self, visitor: &mut impl FnMut(TargetIndex)) {
        match self {
            Self::Target(target) => visitor(*target),
            Self::Group(group) => {
                for member in &group.members {
                    member.node.visit(visitor);
                }
            }
        }
    }
}
