//! How each strategy ranks the members of one group. Of a member that is a group itself the best that it has to offer
//! counts.

use std::cmp::Ordering;
use std::time::Duration;

use super::view::{Ask, TargetState, View};
use super::{Group, Member, Strategy};
use crate::router::chance::{clock, mix, share};

/// From when on nobody can say that a target is still as slow as it was.
const STALE: Duration = Duration::from_secs(5);
/// Share of the requests that go and see, at most: this is what a recovered target is found by.
const EXPLORING: f64 = 0.05;

/// All that a choice is made from.
pub(super) struct Chooser<'a> {
    pub(super) view: &'a View,
    pub(super) ask: &'a Ask,
    pub(super) turn: &'a dyn Fn(u64) -> u64,
}

impl Chooser<'_> {
    /// The members that have a target which may be asked now, best first; those without a weight last.
    pub(super) fn ranked<'g>(&self, group: &'g Group, leads: bool) -> Vec<&'g Member> {
        let members = group.members.iter();
        let ready = members.filter(|m| self.view.ready_below(&m.node, self.ask).next().is_some());
        let (mut members, standby): (Vec<_>, Vec<_>) = ready.partition(|m| m.weight > 0);
        self.rank(group, &mut members, leads);
        members.extend(standby);
        members
    }

    fn rank(&self, group: &Group, members: &mut Vec<&Member>, leads: bool) {
        let sticky = self.ask.sticky.filter(|_| group.sticky);
        match (group.strategy, sticky) {
            (Strategy::Fallback, _) => {}
            (Strategy::Cost, _) => self.by_cost(members, sticky),
            (_, Some(conversation)) => by_clock(members, conversation),
            (Strategy::RoundRobin, None) => {
                let turn = self.turn(group, members, leads);
                let first = rest(turn, members.len());
                members.rotate_left(first);
            }
            (Strategy::Weighted, None) => self.by_weight(group, members, leads),
            (Strategy::LeastConnections, None) => self.by_load(members),
            (Strategy::Latency, None) => self.by_latency(group, members),
        }
    }

    /// The group's next turn; by chance where it does not lead, so that none is taken which nobody sees.
    fn turn(&self, group: &Group, members: &[&Member], leads: bool) -> u64 {
        if leads && members.len() > 1 {
            (self.turn)(group.turn_key(members))
        } else {
            self.chance(group.tag)
        }
    }

    fn chance(&self, salt: u64) -> u64 {
        mix(u64::from(self.ask.draw), salt)
    }

    fn by_weight(&self, group: &Group, members: &mut Vec<&Member>, leads: bool) {
        let lead = leads.then(|| {
            let turn = self.turn(group, members, leads);
            let weights: Vec<_> = members.iter().map(|m| m.weight).collect();
            whose(turn, &weights)
        });
        let lead = lead.filter(|lead| *lead < members.len());
        let lead = lead.map(|lead| members.remove(lead));
        by_clock(members, self.chance(group.tag));
        members.splice(0..0, lead);
    }

    fn by_load(&self, members: &mut [&Member]) {
        self.sort(members, |member| {
            let calls = self.ready(member).map(|t| t.in_flight).min();
            // The call to be made counts: of two that are idle the one for more goes first.
            (f64::from(calls.unwrap_or(u32::MAX)) + 1.0) / f64::from(member.weight)
        });
    }

    fn by_cost(&self, members: &mut [&Member], sticky: Option<u64>) {
        let cost = |member: &Member| {
            let costs = self.ready(member).filter_map(|t| t.cost);
            costs.min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
        };
        match sticky {
            // Among those that cost the same a conversation stays where it is.
            Some(conversation) => {
                members.sort_by_cached_key(|m| Score(clock(mix(conversation, m.tag), m.weight)));
                members.sort_by_cached_key(|m| Score(cost(m)));
            }
            None => self.sort(members, cost),
        }
    }

    fn by_latency(&self, group: &Group, members: &mut Vec<&Member>) {
        let measured = members.iter().flat_map(|m| self.ready(m));
        let measured = measured.filter_map(|t| Some(t.latency(self.ask)?.ms));
        let worst = measured.max_by(f64::total_cmp).unwrap_or(1.0);
        let wait = |t: &TargetState| t.expected_wait(self.ask, worst);
        self.sort(members, |member| {
            let waits = self.ready(member).map(wait);
            waits.min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
        });
        if share(self.chance(group.tag)) < EXPLORING {
            self.explore(members, wait);
        }
    }

    /// Puts that one first whose measure is the oldest, if it is old and nobody is on the way to take another.
    fn explore(&self, members: &mut Vec<&Member>, wait: impl Fn(&TargetState) -> f64) {
        let age = |member: &Member| {
            let best = self
                .ready(member)
                .min_by(|a, b| wait(a).total_cmp(&wait(b)))?;
            let latency = best.latency(self.ask)?;
            (best.in_flight == 0 && latency.age >= STALE).then_some(latency.age)
        };
        let oldest = members
            .iter()
            .enumerate()
            .filter_map(|(i, m)| Some((age(m)?, i)))
            .max();
        if let Some((_, place)) = oldest {
            let explored = members.remove(place);
            members.insert(0, explored);
        }
    }

    /// By a score, the lowest first; equals by chance.
    fn sort(&self, members: &mut [&Member], score: impl Fn(&Member) -> f64) {
        members.sort_by_cached_key(|m| (Score(score(m)), self.chance(m.tag)));
    }

    fn ready(&self, member: &Member) -> impl Iterator<Item = &TargetState> {
        self.view.ready_below(&member.node, self.ask)
    }
}

impl TargetState {
    fn latency(&self, ask: &Ask) -> Option<super::Latency> {
        if ask.stream {
            self.first_word
        } else {
            self.whole
        }
    }

    /// Milliseconds that this request is likely to wait. Calls under way are taken for a queue, so that a target is
    /// left before its slowness has been measured; one that was never measured is tried at once, but by one at a time.
    fn expected_wait(&self, ask: &Ask, worst: f64) -> f64 {
        let queue = f64::from(self.in_flight) + 1.0;
        match self.latency(ask) {
            Some(latency) => latency.ms * queue,
            None if self.in_flight == 0 => 0.0,
            None => worst * queue,
        }
    }
}

/// Each first in proportion to its weight, over many numbers; for one number always the same.
fn by_clock(members: &mut [&Member], number: u64) {
    members.sort_by_cached_key(|m| Score(clock(mix(number, m.tag), m.weight)));
}

/// Whose turn it is: over as many turns as the weights add up to (divided by what they have in common) each gets its
/// own exactly, and they are spread over them, for the step from one turn to the next is about the golden section.
fn whose(turn: u64, weights: &[u32]) -> usize {
    let common = weights.iter().fold(0, |a, w| gcd(a, u64::from(*w)));
    let sum = weights.iter().map(|w| u64::from(*w)).sum::<u64>() / common.max(1);
    if sum < 2 {
        return 0;
    }
    let golden = (sum.saturating_mul(618).saturating_add(500) / 1000).max(1);
    let step = (golden..).find(|s| gcd(*s, sum) == 1).unwrap_or(1);
    let at = u128::from(turn % sum) * u128::from(step) % u128::from(sum);
    let mut end = 0;
    let ends = weights.iter().map(|w| {
        end += u128::from(u64::from(*w) / common.max(1));
        end
    });
    ends.take_while(|end| *end <= at).count()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn rest(turn: u64, members: usize) -> usize {
    let members = u64::try_from(members).unwrap_or(u64::MAX).max(1);
    usize::try_from(turn % members).unwrap_or_default()
}

/// A number that has a place in every order.
#[derive(Clone, Copy)]
struct Score(f64);

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sequence(weights: &[u32], turns: u64) -> String {
        let letter = |turn| char::from(b"ABCDEF"[whose(turn, weights)]);
        (0..turns).map(letter).collect()
    }

    #[test]
    fn turns_are_spread_and_not_taken_in_a_row() {
        assert_eq!(sequence(&[50, 50], 6), "ABABAB");
        assert_eq!(sequence(&[2, 1], 6), "ABAABA");
        let mixed = sequence(&[5, 3, 2], 10);
        assert!(!mixed.contains("AAA") && !mixed.contains("BB"), "{mixed}");
        assert_eq!(sequence(&[7], 3), "AAA");
    }

    proptest! {
        #[test]
        fn over_one_round_each_gets_exactly_its_weight(
            weights in prop::collection::vec(1_u32..200, 1..6),
            from in any::<u32>(),
        ) {
            let sum = weights.iter().copied().map(u64::from).sum::<u64>();
            let mut got = vec![0; weights.len()];
            for turn in 0..sum {
                got[whose(u64::from(from) + turn, &weights)] += 1;
            }
            prop_assert_eq!(got, weights);
        }

        #[test]
        fn no_weights_and_no_turn_lead_beyond_the_members(
            weights in prop::collection::vec(1_u32.., 1..6),
            turn in any::<u64>(),
        ) {
            prop_assert!(whose(turn, &weights) < weights.len());
        }
    }
}
