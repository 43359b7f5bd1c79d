//! What is known of the targets and of the request when an order is made.

use std::time::Duration;

use super::needs::{Abilities, Needs};
use super::{Node, TargetIndex};

/// What is known of every target, by [`TargetIndex`].
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The targets in the order of the table.
    pub targets: Vec<TargetState>,
}

/// What is known of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TargetState {
    /// Calls under way.
    pub in_flight: u32,
    /// Until a stream's first word.
    pub first_word: Option<Latency>,
    /// Until the end of a whole answer.
    pub whole: Option<Latency>,
    /// USD that this request is likely to cost there; none: nobody knows.
    pub cost: Option<f64>,
    /// Whether it may be asked now.
    pub standing: Standing,
    /// What it can do.
    pub abilities: Abilities,
}

/// How long a target takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Peak-sensitive moving average, in milliseconds.
    pub ms: f64,
    /// How long ago the last answer came.
    pub age: Duration,
}

/// Whether a target may be asked now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    #[default]
    Ready,
    /// It may once, to see whether it is well again.
    Probe,
    /// What may be sent to it is used up for about so long.
    Full(Duration),
    /// It is left alone for so long.
    Open(Duration),
}

impl Standing {
    pub(super) fn ready(self) -> bool {
        matches!(self, Self::Ready | Self::Probe)
    }

    /// Until it may be asked.
    #[must_use]
    pub fn wait(self) -> Duration {
        match self {
            Self::Ready | Self::Probe => Duration::ZERO,
            Self::Full(wait) | Self::Open(wait) => wait,
        }
    }
}

/// One request, as far as it matters for the order.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// What a target must be able to do.
    pub needs: Needs,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// What conversation it is part of, if that can be told.
    pub sticky: Option<u64>,
    /// Chance, for this request.
    pub draw: u32,
}

impl View {
    pub(super) fn get(&self, target: TargetIndex) -> Option<&TargetState> {
        self.targets.get(target.0)
    }

    pub(super) fn ready(&self, target: TargetIndex, ask: &Ask) -> Option<&TargetState> {
        let fit = |t: &&TargetState| t.standing.ready() && t.abilities.meet(&ask.needs);
        self.get(target).filter(fit)
    }

    /// Those below `node` that may be asked now.
    pub(super) fn ready_below<'v>(
        &'v self,
        node: &Node,
        ask: &'v Ask,
    ) -> impl Iterator<Item = &'v TargetState> {
        let targets = node.targets().into_iter();
        targets.filter_map(|target| self.ready(target, ask))
    }
}
