//! Each strategy as a property of the orders it leads to.

use std::time::Duration;

use proptest::prelude::{
    Just, ProptestConfig, Strategy as Sampled, any, prop, prop_assert, prop_assert_eq, prop_oneof,
    proptest,
};

use super::support::{Counters, ask, group, ms, sticky, view};
use crate::router::strategy::*;

fn strategies() -> impl Sampled<Value = Strategy> {
    prop::sample::select(vec![
        Strategy::Fallback,
        Strategy::RoundRobin,
        Strategy::LeastConnections,
        Strategy::Weighted,
        Strategy::Latency,
        Strategy::Cost,
    ])
}

fn trees() -> impl Sampled<Value = Node> {
    let leaf = (0_usize..8).prop_map(|t| Node::Target(TargetIndex(t)));
    leaf.prop_recursive(3, 20, 4, |inner| {
        let members = prop::collection::vec((inner, 0_u32..5), 1..5);
        (strategies(), any::<bool>(), members, any::<u16>()).prop_map(
            |(strategy, sticky, members, name)| {
                let members = members.into_iter().enumerate();
                let members =
                    members.map(|(i, (node, weight))| Member::new(node, weight, &i.to_string()));
                Node::Group(Group::new(
                    &name.to_string(),
                    strategy,
                    sticky,
                    members.collect(),
                ))
            },
        )
    })
}

fn states() -> impl Sampled<Value = TargetState> {
    let standing = prop_oneof![
        3 => Just(Standing::Ready),
        1 => Just(Standing::Probe),
        1 => (1_u64..9).prop_map(|s| Standing::Full(Duration::from_secs(s))),
        1 => (1_u64..9).prop_map(|s| Standing::Open(Duration::from_secs(s))),
    ];
    let latency = prop::option::of((0.0..1e4, 0_u64..20).prop_map(|(m, a)| ms(m, a).unwrap()));
    let cost = prop::option::of(0.0..1e-2);
    let able = prop::option::weighted(0.3, any::<bool>());
    (0_u32..9, latency, cost, standing, able).prop_map(
        |(in_flight, latency, cost, standing, able)| TargetState {
            in_flight,
            first_word: latency,
            whole: latency,
            cost,
            standing,
            abilities: Abilities {
                vision: able,
                ..Abilities::default()
            },
        },
    )
}

fn asks() -> impl Sampled<Value = Ask> {
    (
        any::<bool>(),
        any::<bool>(),
        any::<Option<u64>>(),
        any::<u32>(),
    )
        .prop_map(|(vision, stream, sticky, draw)| Ask {
            needs: Needs {
                vision,
                ..Needs::default()
            },
            stream,
            sticky,
            ..ask(draw)
        })
}

proptest! {
    #[test]
    fn every_target_is_in_the_order_once_or_unfit_and_those_that_rest_come_last(
        tree in trees(),
        states in prop::collection::vec(states(), 8),
        ask in asks(),
        turn in any::<u64>(),
    ) {
        let view = View { targets: states };
        let order = order(&tree, &view, &ask, &|_| turn);
        let mut seen = order.targets.clone();
        seen.extend(order.unfit.iter().map(|(t, _)| *t));
        seen.sort();
        let mut all = tree.targets();
        all.sort();
        all.dedup();
        prop_assert_eq!(seen, all);
        let lacks = |t: &TargetIndex| view.targets[t.0].abilities.lacks(&ask.needs);
        prop_assert!(order.targets.iter().all(|t| lacks(t).is_empty()));
        prop_assert!(order.unfit.iter().all(|(t, needs)| !needs.is_empty() && *needs == lacks(t)));
        let (ready, resting) = order.targets.split_at(order.ready);
        prop_assert!(ready.iter().all(|t| view.targets[t.0].standing.ready()));
        let waits: Vec<_> = resting.iter().map(|t| view.targets[t.0].standing.wait()).collect();
        prop_assert!(waits.iter().all(|w| !w.is_zero()) && waits.is_sorted(), "{:?}", waits);
    }

    #[test]
    fn the_same_values_give_the_same_order(
        tree in trees(),
        states in prop::collection::vec(states(), 8),
        ask in asks(),
        turn in any::<u64>(),
    ) {
        let view = View { targets: states };
        let again = || order(&tree, &view, &ask, &|_| turn);
        prop_assert_eq!(again(), again());
    }

    #[test]
    fn a_fallback_keeps_its_order(states in prop::collection::vec(states(), 5), ask in asks()) {
        let view = View { targets: states };
        let order = order(&group(Strategy::Fallback, &[1; 5]), &view, &ask, &|_| 0);
        prop_assert!(order.targets[..order.ready].is_sorted());
    }

    #[test]
    fn round_robin_leads_with_each_in_turn(members in 1_usize..6, draws in any::<u32>()) {
        let counters = Counters::default();
        let node = group(Strategy::RoundRobin, &vec![1; members]);
        for turn in 0..2 * members {
            let order = counters.order(&node, &view(members), &ask(draws));
            let want: Vec<_> = (0..members).map(|i| (turn + i) % members).collect();
            prop_assert_eq!(order, want);
        }
    }

    #[test]
    fn the_fewest_calls_lead_and_a_busier_one_never_comes_before(
        calls in prop::collection::vec(0_u32..20, 1..6),
        draw in any::<u32>(),
    ) {
        let mut view = view(calls.len());
        for (target, calls) in view.targets.iter_mut().zip(&calls) {
            target.in_flight = *calls;
        }
        let node = group(Strategy::LeastConnections, &vec![1; calls.len()]);
        let order = Counters::default().order(&node, &view, &ask(draw));
        prop_assert!(order.iter().map(|t| calls[*t]).is_sorted());
    }

    #[test]
    fn the_cheapest_that_can_serve_leads(
        states in prop::collection::vec(states(), 1..6),
        ask in asks(),
    ) {
        let view = View { targets: states };
        let order = order(&group(Strategy::Cost, &vec![1; view.targets.len()]), &view, &ask, &|_| 0);
        let cost = |t: &TargetIndex| view.targets[t.0].cost.unwrap_or(f64::INFINITY);
        prop_assert!(order.targets[..order.ready].iter().map(cost).is_sorted());
    }

    #[test]
    fn a_conversation_stays_and_a_lost_member_moves_only_its_own(
        conversation in any::<u64>(),
        lost in 0_usize..5,
        weights in prop::collection::vec(1_u32..9, 5),
        strategy in prop::sample::select(vec![
            Strategy::RoundRobin, Strategy::Weighted, Strategy::Latency, Strategy::LeastConnections,
        ]),
        draws in any::<(u32, u32)>(),
    ) {
        let all: Vec<_> = (0..5).collect();
        let left: Vec<_> = (0..5).rev().filter(|t| *t != lost).collect();
        let left_weights: Vec<_> = left.iter().map(|t| weights[*t]).collect();
        let asked = |draw| Ask { sticky: Some(conversation), ..ask(draw) };
        let counters = Counters::default();
        let before = counters.order(&sticky(strategy, &all, &weights), &view(5), &asked(draws.0));
        let gone = sticky(strategy, &left, &left_weights);
        let after = counters.order(&gone, &view(5), &asked(draws.1));
        let mut resting = view(5);
        resting.targets[lost].standing = Standing::Open(Duration::from_secs(1));
        let rested = counters.order(&sticky(strategy, &all, &weights), &resting, &asked(draws.1));
        let expected: Vec<_> = before.into_iter().filter(|t| *t != lost).collect();
        prop_assert_eq!(&after, &expected);
        prop_assert_eq!(&rested[..4], &expected[..]);
    }

    #[test]
    fn the_shortest_queue_by_measure_leads_when_nobody_explores(
        measures in prop::collection::vec((1.0..1e4, 0_u32..9), 1..6),
        draw in any::<u32>(),
    ) {
        let mut view = view(measures.len());
        for (target, (m, calls)) in view.targets.iter_mut().zip(&measures) {
            target.in_flight = *calls;
            target.whole = ms(*m, 0);
        }
        let node = group(Strategy::Latency, &vec![1; measures.len()]);
        let order = Counters::default().order(&node, &view, &ask(draw));
        let waits = order.iter().map(|t| measures[*t].0 * (f64::from(measures[*t].1) + 1.0));
        prop_assert!(waits.is_sorted());
    }
}

proptest! {
    // Each case is ten thousand orders.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn weights_are_met_within_a_quarter_of_a_percent_over_ten_thousand(
        weights in prop::collection::vec(1_u32..1000, 1..6),
    ) {
        let node = group(Strategy::Weighted, &weights);
        let leads = Counters::default().leads(&node, &view(weights.len()));
        let sum: u32 = weights.iter().sum();
        for (led, weight) in leads.iter().zip(&weights) {
            let want = 1e4 * f64::from(*weight) / f64::from(sum);
            prop_assert!((f64::from(u32::try_from(*led).unwrap()) - want).abs() <= 25.0,
                "{leads:?} of {weights:?}");
        }
    }
}
